// An open file that closes itself, and the one way in which a failed system call becomes an Error.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace transformlet {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// "runs/a/1/metrics.jsonl: cannot be written: No space left on device". `code` is an errno.
[[noreturn]] inline void fail_on_file(const std::filesystem::path& path, const char* what, int code) {
  fail("{}: {}: {}", path.string(), what, std::generic_category().message(code));
}

}  // namespace transformlet
