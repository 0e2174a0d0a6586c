// What another framework needs to repeat the first steps of a training, and to compare (bench/peers/).
#pragma once

#include <filesystem>

#include "train/experiment.h"
#include "train/safetensors.h"
#include "train/training_step.h"

namespace transformlet {

// Into a folder, which is made if need be:
//   config.yaml           every key with its value
//   weights.safetensors   the initial weights; its metadata `decayed` names those that weight decay applies to
//   steps.safetensors     of each step, in float64: inputs and targets (S, B, T), learning_rates (S) and losses (S),
//                         each loss from before its update; its metadata `mask` is "none" or "causal"
//   final_weights.safetensors   the weights after the last step
class StepExport {
 public:
  // Writes the config and the weights as they are now.
  StepExport(const std::filesystem::path& folder, const ExperimentConfig& config, const Experiment& experiment);

  // Remembers a step, and what came of it. Error: a batch with another mask, with a source, or of another shape.
  void add(int64_t step, const StepResult& result);
  // Writes the steps and the weights as they are then.
  void finish() const;

 private:
  std::vector<NamedTensor> weights() const;

  std::filesystem::path folder_;
  const Experiment& experiment_;
  DataOrder order_;
  Shape shape_;       // of a batch
  std::string mask_;  // of all batches
  std::vector<double> inputs_, targets_, learning_rates_, losses_;
};

}  // namespace transformlet
