#include "train/initial_weights.h"

#include "autograd/ops.h"
#include "train/stored_model.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

void set_stored_weights(const std::string& path, const ExperimentConfig& config, const Parameters& parameters) {
  Checkpoint stored = stored_weights("train.initial_weights", path);
  for (NamedTensor& weight : stored.weights) weight.value = cast(weight.value, config.dtype());
  try {
    restore_weights(stored, parameters);
  } catch (const Error& error) {
    fail("train.initial_weights: {}: {}", path, error.what());
  }
}

}  // namespace

void set_initial_weights(const ExperimentConfig& config, const Parameters& parameters) {
  const std::string& path = config.train.initial_weights;
  if (!path.empty()) set_stored_weights(path, config, parameters);
  edit_weights(config.edits, parameters, 0);
}

}  // namespace transformlet
