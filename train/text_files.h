// Texts on disk, mapped into memory: read as they are needed, and never copied.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

namespace transformlet {

class MappedFile {
 public:
  // An Error if it cannot be read.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  std::string_view text() const { return text_; }

 private:
  std::filesystem::path path_;
  std::string_view text_;
};

// A file; or all files in a folder and the folders in it, in the order of their paths, but for those that are hidden
// (whose name begins with a dot) or empty. A UsageError if there is nothing to read.
std::vector<MappedFile> map_text_files(const std::filesystem::path& path);

// Hands each line to `sink`, without its end, and its number from 1. A byte order mark is no part of the first line. An
// Error of the sink gets file:line in front of it.
void for_each_line(const MappedFile& file, const std::function<void(std::string_view line, int64_t number)>& sink);

}  // namespace transformlet
