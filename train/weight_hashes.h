// weights.hashes of a run: for each step, a 64-bit hash of each of the weights, so that of two trainings the first step
// and the first tensor can be named in which they differ. Words of 8 bytes, little-endian:
//
//   header    "tf-hash1"; how many tensors there are (n); how many bytes their names take;
//             the names, in the order of the parameters, a '\n' after each; the header's own hash
//   record    the step (0: before the first one); n hashes; the record's own hash
//
// A hash is XXH3 (64 bits; github.com/Cyan4973/xxHash) of a tensor's values as checkpoints hold them: a function of the
// bits alone. A record has (n + 2) words, and steps go up. What a crash leaves of a last record does not count. Cost:
// the weights are read once a step, by all threads, and a record is written: 0.5 % of a step of configs/reverse.yaml,
// 0.8 % of one of configs/shakespeare_char.yaml (one thread; 0.7 % with two).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "layers/scope.h"
#include "train/durable_file.h"

namespace transformlet {

struct StepHashes {
  int64_t step = 0;
  std::vector<uint64_t> tensors;  // in the order of the names
};

StepHashes hashes_of(const Parameters& parameters, int64_t step);

// What a file holds. An Error if there is none, or if it is damaged.
struct WeightHashes {
  static WeightHashes read(const std::filesystem::path& path);

  std::vector<std::string> names;
  std::vector<StepHashes> steps;  // ascending

  const StepHashes* find(int64_t step) const;  // null: there is none of it
};

// Appends to a run's file.
class HashWriter {
 public:
  // Makes the file, or goes on with one that cut_hashes has left. An Error if it is of other tensors.
  HashWriter(const std::filesystem::path& path, const Parameters& parameters);

  // Hands the record to the system at once. Nothing happens if the file has one of this step or a later one.
  void write(const StepHashes& hashes);
  // To be called before a checkpoint is saved: even after a loss of power, the file then reaches as far as it.
  void sync() { file_.sync(); }

 private:
  OutputFile file_;
  int64_t last_step_ = -1;
};

// For resuming from a checkpoint: drops the records of later steps, and what a crash has left half-written. An Error if
// a record before those is damaged. No file is fine.
void cut_hashes(const std::filesystem::path& path, int64_t last_step);

// Where two trainings are first seen to differ.
struct HashDifference {
  int64_t step = 0;
  std::string tensor;                 // the first, in the order of the parameters
  size_t tensors = 0, differing = 0;  // at this step
};
// Of two records of one step and of the same names.
std::optional<HashDifference> difference(const std::vector<std::string>& names, const StepHashes& a,
                                         const StepHashes& b);

}  // namespace transformlet
