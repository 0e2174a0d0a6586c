// How much memory a gradient check needs, known before it takes any.
#pragma once

#include "train/experiment.h"

namespace transformlet {

struct CheckMemory {
  double bytes = 0;
  std::string name = {};  // of the layer that needs most, or "model"
};

// About the most that checks need at a time: of a model and its layers, as the config chooses them, and of a layer by
// itself. Attention needs the whole matrix of its scores: a check differentiates its reference.
CheckMemory check_memory(const ExperimentConfig& config);
CheckMemory check_memory(LayerCheckConfig& config);

// A UsageError if that is more than the machine has. It names keys of which smaller values help.
void require_check_memory(const ExperimentConfig& config);
void require_check_memory(LayerCheckConfig& config);

}  // namespace transformlet
