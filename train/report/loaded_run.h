// A run as a report finds it: its texts, its model if it can be made again, and the checkpoints that are read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/experiment.h"
#include "train/report/run_files.h"

namespace transformlet {

struct LoadedRun {
  std::filesystem::path path;
  RunFiles files;
  std::string config_text = {};                    // empty: there is none that can be read
  const ExperimentConfig* config = nullptr;        // null, and so is the experiment: they can't be made of the text
  Experiment* experiment = nullptr;                // its weights are those of the checkpoint that was put there last
  std::vector<StoredCheckpoint> checkpoints = {};  // all, by ascending step, unread

  std::optional<ExperimentConfig> own_config = {};
  std::unique_ptr<Experiment> own_experiment = {};
};

// What could not be read is named in files.missing. A run that is at hand, as after training, is not made anew.
LoadedRun load_run(const std::filesystem::path& path, const ExperimentConfig* config = nullptr,
                   Experiment* experiment = nullptr);

// Of so many things that lie in order, at most `most`, spread evenly, the first and the last among them.
std::vector<size_t> evenly_chosen(size_t count, size_t most);

}  // namespace transformlet
