// Checkpoints: all that a run needs to go on, in `checkpoints/step-N/` of the run's folder.
//
//   weights.safetensors     the model's parameters by their names
//   optimizer.safetensors   the optimiser's state
//   averaged_weights.safetensors   running averages of the weights, if there are any (train/averaged_weights.h)
//   state.json              format version, step, validation loss, extra strings; length and CRC-32 of the others
//
// One is written into a hidden folder, synced, and then renamed, so that a crash at any instant leaves the ones before
// whole. What a crash leaves behind is ignored, and removed by the next save. Only the process that holds the run's
// lock (train/run_folder.h) may save or prune; reading is free to all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint_config.h"
#include "train/safetensors.h"

namespace transformlet {

struct Checkpoint {
  int64_t step = 0;  // steps that have been done
  std::vector<NamedTensor> weights;
  std::vector<NamedTensor> optimizer;
  std::optional<double> val_loss;  // val/loss at this step, if it was measured: by it the best one is found
  std::map<std::string, std::string> extra;
  std::vector<NamedTensor> averaged_weights = {};  // empty: none are kept
};

struct StoredCheckpoint {
  int64_t step = 0;
  std::filesystem::path folder;
};

// Saves a checkpoint and returns its folder. One of the same step is replaced in one instant.
std::filesystem::path save_checkpoint(const std::filesystem::path& run, const Checkpoint& checkpoint);

// Reads the checkpoint in a folder: every byte of it is checked. An Error says what is missing or damaged.
Checkpoint load_checkpoint(const std::filesystem::path& folder);

// All checkpoints of a run, by ascending step, unread; none if there are none.
std::vector<StoredCheckpoint> list_checkpoints(const std::filesystem::path& run);

struct NewestCheckpoint {
  std::optional<Checkpoint> checkpoint;  // none: the run has no whole one
  std::filesystem::path folder;
  std::vector<std::string> warnings;  // a line for each newer one that is broken
};
NewestCheckpoint newest_checkpoint(const std::filesystem::path& run);

// The checkpoint with the lowest val_loss; of equals the earliest. Broken ones don't count.
std::optional<StoredCheckpoint> best_checkpoint(const std::filesystem::path& run);

// Deletes the checkpoints that the config does not keep, and points `checkpoints/best`, a relative link, to the best of
// the others; without one there is no link.
// Broken ones are neither counted nor deleted, so that they never cost a whole one its place.
void prune_checkpoints(const std::filesystem::path& run, const CheckpointConfig& config);

}  // namespace transformlet
