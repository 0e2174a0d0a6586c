// A text file that grows by whole lines: metrics and events. A line that cannot be written is an Error, not silence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "train/durable_file.h"

namespace transformlet {

class LineFile {
 public:
  // Opens the file to append to it, or makes it. A last line without its end, left by a crash, is cut off.
  explicit LineFile(const std::filesystem::path& path);

  // Hands one line (given without its end) to the system at once: it outlives a crash of this process. On an Error the
  // file is as it was before.
  void append(std::string_view line);
  // Returns once all lines are on the disk: they outlive a loss of power.
  void sync() { file_.sync(); }

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  OutputFile file_;
  int64_t size_ = 0;
};

}  // namespace transformlet
