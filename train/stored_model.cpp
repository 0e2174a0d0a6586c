#include "train/stored_model.h"

#include <iostream>

#include "autograd/ops.h"
#include "train/config/reader.h"
#include "train/restore.h"
#include "train/trainer.h"

namespace transformlet {

Checkpoint stored_weights(const std::string& key, const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) {
    Checkpoint result;
    result.weights = read_safetensors(path).tensors;
    return result;
  }
  if (std::filesystem::is_regular_file(path / "state.json", ignored)) return load_checkpoint(path);
  if (!std::filesystem::is_regular_file(path / "config.yaml", ignored)) {
    throw UsageError(fmt::format("{}: {} is no run, no checkpoint and no file", key, path.string()));
  }
  NewestCheckpoint newest = newest_checkpoint(path);
  for (const std::string& warning : newest.warnings) std::cerr << fmt::format("warning: {}\n", warning);
  if (!newest.checkpoint) throw UsageError(fmt::format("{}: {} has no whole checkpoint", key, path.string()));
  return std::move(*newest.checkpoint);
}

std::shared_ptr<const Model> stored_model(const std::string& key, const std::filesystem::path& path, DType dtype) {
  // A checkpoint's folder is <run>/checkpoints/step-N.
  const bool is_checkpoint = std::filesystem::is_regular_file(path / "state.json");
  const std::filesystem::path run = is_checkpoint ? path / ".." / ".." : path;
  if (!std::filesystem::is_regular_file(run / "config.yaml")) {
    throw UsageError(fmt::format("{}: {} is no run and no checkpoint of one", key, path.string()));
  }
  const ExperimentConfig config = read_run_config<ExperimentConfig>(run);
  Parameters parameters;
  std::shared_ptr<const Model> model =
      config.model->build(Scope(parameters, config.seed_value(), dtype), config.task->sizes());
  Checkpoint stored = stored_weights(key, path);
  if (!stored.averaged_weights.empty()) stored.weights = std::move(stored.averaged_weights);
  for (NamedTensor& weight : stored.weights) weight.value = cast(weight.value, dtype);
  try {
    restore_weights(stored, parameters);
  } catch (const Error& error) {
    fail("{}: {}: {}", key, path.string(), error.what());
  }
  return model;
}

}  // namespace transformlet
