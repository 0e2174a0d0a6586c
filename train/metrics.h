// metrics.jsonl: what was measured, a line for each call.
//
//   {"step": 10, "train/loss": 1.5, "train/tokens": 2048}
//
// The bytes depend on the values alone (train/json_text.h says how numbers are written), so that two runs are equal if
// their files are; what depends on the clock belongs into a file of its own.
#pragma once

#include <cstdint>
#include <filesystem>

#include "train/json_text.h"
#include "train/line_file.h"

namespace transformlet {

class MetricsWriter {
 public:
  // Appends to the file, or makes it.
  explicit MetricsWriter(const std::filesystem::path& path) : file_(path) {}

  // One line, in the order given. Steps must not go down. An Error if it cannot be written.
  void log(int64_t step, const JsonFields& values);

  // To be called before a checkpoint is saved: even after a loss of power, the file then reaches as far as it.
  void sync() { file_.sync(); }

 private:
  LineFile file_;
  int64_t last_step_ = 0;
};

// For resuming from a checkpoint: drops the lines of later steps, and what a crash has left half-written. Then a run
// that saves a checkpoint after the step's last line goes on with the bytes of one that was never stopped. An Error if
// a line before those is damaged. No file is fine.
void cut_metrics(const std::filesystem::path& path, int64_t last_step);

}  // namespace transformlet
