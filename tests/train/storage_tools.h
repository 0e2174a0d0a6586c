// What the tests of files share: a folder of their own, bytes in and out, and code that runs in another process.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "base/error.h"

namespace transformlet {

// Removed with all in it when it goes out of scope.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "transformlet-test-XXXXXX").string();
    require(mkdtemp(pattern.data()) != nullptr, "no temporary folder");
    path = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path path;
};

inline std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The text of the Error that the function throws, or "no error". Always one line.
inline std::string error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  return "no error";
}

// Starts a process that runs the function, leaves with its result, or with 99 if it throws.
inline pid_t start_child(const std::function<int()>& function) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    _exit(function());
  } catch (const std::exception& error) {
    fprintf(stderr, "child: %s\n", error.what());
  }
  _exit(99);
}

inline int wait_for(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

// The exit status of the function in another process, or minus the signal that ended it.
inline int in_child(const std::function<int()>& function) {
  const int status = wait_for(start_child(function));
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

inline size_t number_of_entries(const std::filesystem::path& folder) {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace transformlet
