// Weights and models as runs have left them.
#pragma once

#include <filesystem>
#include <memory>

#include "layers/model.h"
#include "train/checkpoint.h"

namespace transformlet {

// Those of a run's newest whole checkpoint, of a checkpoint's folder, or of a safetensors file with our names. `key` is
// what asks for them, in errors.
Checkpoint stored_weights(const std::string& key, const std::filesystem::path& path);

// The model of a run, or of a checkpoint's folder within one: with its averaged weights, if it has any, and without its
// interventions. Weights of another dtype are converted.
std::shared_ptr<const Model> stored_model(const std::string& key, const std::filesystem::path& path, DType dtype);

}  // namespace transformlet
