#include "train/initial_weights.h"

#include <iostream>

#include "autograd/ops.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

Checkpoint stored_weights(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) {
    Checkpoint result;
    result.weights = read_safetensors(path).tensors;
    return result;
  }
  if (std::filesystem::is_regular_file(path / "state.json", ignored)) return load_checkpoint(path);
  if (!std::filesystem::is_regular_file(path / "config.yaml", ignored)) {
    throw UsageError(fmt::format("train.initial_weights: {} is no run, no checkpoint and no file", path.string()));
  }
  NewestCheckpoint newest = newest_checkpoint(path);
  for (const std::string& warning : newest.warnings) std::cerr << fmt::format("warning: {}\n", warning);
  if (!newest.checkpoint) {
    throw UsageError(fmt::format("train.initial_weights: {} has no whole checkpoint", path.string()));
  }
  return std::move(*newest.checkpoint);
}

}  // namespace

void set_initial_weights(const ExperimentConfig& config, const Parameters& parameters) {
  const std::string& path = config.train.initial_weights;
  if (path.empty()) return;
  Checkpoint stored = stored_weights(path);
  for (NamedTensor& weight : stored.weights) weight.value = cast(weight.value, config.dtype());
  try {
    restore_weights(stored, parameters);
  } catch (const Error& error) {
    fail("train.initial_weights: {}: {}", path, error.what());
  }
}

}  // namespace transformlet
