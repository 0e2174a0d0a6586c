#include "train/line_file.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

namespace transformlet {
namespace {

// The length of a file up to the end of its last whole line.
int64_t length_of_whole_lines(const OutputFile& file) {
  int64_t end = ::lseek(file.descriptor(), 0, SEEK_END);
  if (end < 0) fail_on_file(file.path(), "cannot be read", errno);
  char block[4096];
  while (end > 0) {
    const int64_t start = std::max<int64_t>(0, end - static_cast<int64_t>(sizeof block));
    const ssize_t count = ::pread(file.descriptor(), block, static_cast<size_t>(end - start), start);
    if (count < 0 && errno == EINTR) continue;
    if (count != end - start) fail_on_file(file.path(), "cannot be read", count < 0 ? errno : EIO);
    const size_t line_end = std::string_view(block, static_cast<size_t>(count)).rfind('\n');
    if (line_end != std::string_view::npos) return start + static_cast<int64_t>(line_end) + 1;
    end = start;
  }
  return 0;
}

}  // namespace

LineFile::LineFile(const std::filesystem::path& path) : file_(path, O_RDWR | O_CREAT | O_APPEND) {
  size_ = length_of_whole_lines(file_);
  if (::ftruncate(file_.descriptor(), size_) != 0) fail_on_file(path, "cannot be written", errno);
}

void LineFile::append(std::string_view line) {
  std::string bytes(line);
  bytes += '\n';
  try {
    file_.write(bytes);
  } catch (...) {
    // Half a line would spoil the next one. If cutting fails too, the error that counts is the first.
    [[maybe_unused]] const int ignored = ::ftruncate(file_.descriptor(), size_);
    throw;
  }
  size_ += static_cast<int64_t>(bytes.size());
}

}  // namespace transformlet
