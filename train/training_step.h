// One step of training: what the loop repeats, and what the benchmark times.
#pragma once

#include "train/experiment.h"

namespace transformlet {

struct StepSeconds {
  double batch = 0;      // making it
  double forward = 0;    // up to the loss
  double backward = 0;   // the gradients
  double optimizer = 0;  // their norm, clipping, the update
};

struct StepResult {
  double loss = 0, gradient_norm = 0, learning_rate = 0;
  int64_t tokens = 0;
  StepSeconds seconds = {};

  // The loss or the gradient is not finite: then the step changed no weight.
  bool diverged() const;
};

class TrainingStep {
 public:
  TrainingStep(const ExperimentConfig& config, Experiment& experiment);

  // Makes the batch of this step (0 is the first), differentiates the loss, clips, and moves the weights. A profile of
  // this thread is told of the parts "batch" and "optimizer".
  StepResult operator()(int64_t step);

 private:
  const ExperimentConfig& config_;
  Experiment& experiment_;
  DataOrder order_;
};

}  // namespace transformlet
