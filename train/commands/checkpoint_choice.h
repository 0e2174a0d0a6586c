// The checkpoint of a run, and the split, that a command is asked to work on.
#pragma once

#include "train/checkpoint.h"
#include "train/task.h"

namespace transformlet {

// "newest", "best", or a saved step. A UsageError, opened by the command's name, if there is none, or no run.
Checkpoint chosen_checkpoint(const std::string& command, const std::filesystem::path& run, const std::string& name);

// A UsageError if the folder is not that of a run.
void require_run(const std::string& command, const std::filesystem::path& run);

// train, val or test. A UsageError, opened by the command's name, if it is none.
Split split_named(const std::string& command, const std::string& name);

}  // namespace transformlet
