// Weights that a training begins with instead of random ones.
#pragma once

#include <filesystem>

#include "train/experiment.h"

namespace transformlet {

// Puts the weights that `train.initial_weights` names, if it names any, into the model: those of a run's newest
// checkpoint, of a checkpoint's folder, or of a safetensors file with our names. One Error lists every one that is
// missing, unexpected or of another shape. Weights of another dtype are converted. Then does the edits that are due
// before the first step.
void set_initial_weights(const ExperimentConfig& config, const Parameters& parameters);

}  // namespace transformlet
