#include "train/text_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "train/file_descriptor.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> message, Args&&... args) {
  throw UsageError(fmt::format(message, std::forward<Args>(args)...));
}

// Folders wait in a list to be looked through one at a time: however deep they lie, one is open.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files, waiting = {folder};
  while (!waiting.empty()) {
    const fs::path current = std::move(waiting.back());
    waiting.pop_back();
    std::error_code code;
    for (fs::directory_iterator entry(current, code), end; !code && entry != end; entry.increment(code)) {
      if (entry->path().filename().string().starts_with('.')) continue;              // hidden
      std::error_code gone;                                                          // a dangling link is no file
      const bool is_folder = entry->is_directory(gone) && !entry->is_symlink(gone);  // links may go round in circles
      if (is_folder) waiting.push_back(entry->path());
      if (entry->is_regular_file(gone) && entry->file_size(gone) > 0) files.push_back(entry->path());
    }
    if (code) fail_usage("{}: cannot be read: {}", current.string(), code.message());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.open() || ::fstat(file.number(), &status) != 0) fail_on_file(path, "cannot be read", errno);
  if (status.st_size == 0) return;  // nothing can be mapped
  const auto size = static_cast<size_t>(status.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) fail_on_file(path, "cannot be read", errno);
  ::madvise(data, size, MADV_SEQUENTIAL);
  text_ = {static_cast<const char*>(data), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), text_(std::exchange(other.text_, {})) {}

MappedFile::~MappedFile() {
  if (!text_.empty()) ::munmap(const_cast<char*>(text_.data()), text_.size());
}

std::vector<MappedFile> map_text_files(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found) fail_usage("{}: there is no such file", path.string());
  if (code) fail_usage("{}: cannot be read: {}", path.string(), code.message());
  std::vector<MappedFile> files;
  if (fs::is_directory(status)) {
    for (const fs::path& file : files_in(path)) files.emplace_back(file);
    if (files.empty()) fail_usage("{}: there is no file in this folder that has a text", path.string());
    return files;
  }
  if (!fs::is_regular_file(status)) fail_usage("{}: it is neither a file nor a folder", path.string());
  files.emplace_back(path);
  if (files.front().text().empty()) fail_usage("{}: the file is empty", path.string());
  return files;
}

void for_each_line(const MappedFile& file, const std::function<void(std::string_view line, int64_t number)>& sink) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  std::string_view text = file.text();
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    try {
      sink(line, number);
    } catch (const Error& error) {
      fail("{}:{}: {}", file.path().string(), number, error.what());
    }
  }
}

}  // namespace transformlet
