// state.json of a checkpoint: what it says, and whether it can be believed. For train/checkpoint.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "train/checksum.h"

namespace transformlet {

struct CheckpointState {
  int64_t step = 0;
  std::optional<double> val_loss;
  std::map<std::string, std::string> extra;
  std::map<std::string, FileDigest> files;  // by name
};

std::string checkpoint_state_text(const CheckpointState& state);

// Throws an Error if the file is missing, damaged (it holds a checksum of itself), or of another format version.
CheckpointState read_checkpoint_state(const std::filesystem::path& path);

}  // namespace transformlet
