#include "train/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr const char* cannot_write = "cannot be written";

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// A hidden name in the same folder (rename works within one filesystem only) that no running process has: not this
// one's threads by the counter, not others by the process id. One that crashed may have had the same id: pass over it.
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<int> counter = 0;
  while (true) {
    const fs::path temporary = folder_of(path) / fmt::format(".temporary-{}-{}", ::getpid(), counter++);
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(temporary, ignored))) return temporary;
  }
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

OutputFile::OutputFile(const fs::path& path, int flags, const fs::path& named)
    : path_(named.empty() ? path : named), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
  if (!descriptor_.open()) fail_on_file(path_, cannot_write, errno);
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_on_file(path_, cannot_write, errno);
    if (written == 0) fail_on_file(path_, cannot_write, EIO);  // never for a regular file; must not loop for ever
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void OutputFile::sync() {
  while (::fsync(descriptor_.number()) != 0) {
    if (errno == EINVAL) return;  // a pipe or device: nothing that could be synced
    if (errno != EINTR) fail_on_file(path_, cannot_write, errno);
  }
}

void OutputFile::close() {
  // After EINTR, Linux has closed the file all the same.
  if (::close(descriptor_.release()) != 0 && errno != EINTR) fail_on_file(path_, cannot_write, errno);
}

void replace_file(const fs::path& path, const std::function<void(OutputFile&)>& write) {
  const fs::path temporary = temporary_beside(path);
  OutputFile file(temporary, O_WRONLY | O_CREAT | O_EXCL, path);
  try {
    write(file);
    file.sync();
    file.close();
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail_on_file(path, cannot_write, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(folder_of(path));
}

void replace_file(const fs::path& path, std::string_view text) {
  replace_file(path, [&](OutputFile& file) { file.write(text); });
}

void replace_link(const fs::path& link, const fs::path& target) {
  const fs::path temporary = temporary_beside(link);
  if (::symlink(target.c_str(), temporary.c_str()) != 0) fail_on_file(link, "cannot be linked", errno);
  if (::rename(temporary.c_str(), link.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    fail_on_file(link, "cannot be linked", code);
  }
  sync_folder(folder_of(link));
}

void sync_folder(const fs::path& folder) {
  const FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.open()) fail_on_file(folder, "cannot be opened", errno);
  while (::fsync(descriptor.number()) != 0) {
    if (errno == EINVAL) return;  // filesystems without it keep names in order by themselves
    if (errno != EINTR) fail_on_file(folder, "cannot be synced", errno);
  }
}

void make_folders(const fs::path& folder) {
  if (folder.empty() || is_folder(folder)) return;
  make_folders(folder.parent_path());
  // Another process may have been faster; a file of that name is an error.
  if (!make_new_folder(folder) && !is_folder(folder)) fail_on_file(folder, "is no folder", EEXIST);
}

bool make_new_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0777) != 0) {
    if (errno == EEXIST) return false;
    fail_on_file(folder, "cannot be created", errno);
  }
  sync_folder(folder_of(folder));
  return true;
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_on_file(to, cannot_write, errno);
  sync_folder(folder_of(to));
}

void remove_folder(const fs::path& folder) {
  std::error_code code;
  fs::remove_all(folder, code);
  if (code) fail_on_file(folder, "cannot be removed", code.value());
}

}  // namespace transformlet
