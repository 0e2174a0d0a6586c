// A run's training done once more, from one of its checkpoints, and proved to be the same: after each step every weight
// has the hash that the run recorded (train/weight_hashes.h). Batches, dropout and all else are functions of the seed
// and the step, so nothing else is needed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "train/checkpoint.h"
#include "train/experiment.h"
#include "train/run_folder.h"
#include "train/weight_hashes.h"

namespace transformlet {

// The run that is replayed. It is only read.
struct Original {
  // An Error, or a UsageError opened by the command's name: it is no run, has no hashes, or has not come to the step; a
  // checkpoint is damaged.
  Original(const std::string& command, const std::filesystem::path& run, int64_t from);

  int64_t last_step() const { return recorded.steps.back().step; }

  std::filesystem::path run;
  WeightHashes recorded;
  std::optional<Checkpoint> checkpoint;  // the nearest one at or before `from`; none: training begins anew
};

// Trains from the checkpoint to step `to` into the new run, whose metrics begin after step `from`, or with step 0 if
// `from` is that; the weights of step `to` become a checkpoint of it. Returns what Trainer::train does. An Error names
// the first step and tensor that are not as recorded.
int replay(const Original& original, ExperimentConfig& config, RunFolder& run, int64_t from, int64_t to);

// An Error of usage if a config, once changed, could train otherwise, or look for its end otherwise.
void require_same_training(const ExperimentConfig& config, const ExperimentConfig& changed);

// The folder for a run that comes of another one: `output`, or runs/<name>/<number> if that is empty.
RunFolder new_run(const std::string& output, const std::string& name);

}  // namespace transformlet
