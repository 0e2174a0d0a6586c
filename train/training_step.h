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

// A part of a step's batch, differentiated by itself: its loss is the sum over its targets divided by those of the
// whole batch, so that losses and gradients of the parts add up to those of the whole, however the targets are spread.
struct MicroBatch {
  Batch batch;
  int64_t first_sample;    // its place in the whole batch
  double counted_targets;  // of the whole batch
};

class TrainingStep {
 public:
  TrainingStep(const ExperimentConfig& config, Experiment& experiment);

  // Makes the batch of this step (0 is the first), differentiates the loss by what is not frozen, clips, moves the
  // weights, and does the edits that are due then. A profile of this thread is told of the parts "batch" and
  // "optimizer". A rate takes the place of the schedule's; then steps may be more than train.max_steps, and no edit is
  // done.
  StepResult operator()(int64_t step, std::optional<double> rate = {});

  // The whole of a step's batch.
  Batch batch(int64_t step) { return experiment_.task.batch(Split::train, order_.examples(step)); }
  // What a step computes with, for those who want to see it again: the parts of its batch, and the loss of a part.
  std::vector<MicroBatch> micro_batches(int64_t step);
  Tensor loss(const MicroBatch& part, int64_t step) const;
  // The gradients of the whole batch's loss, in the order of all parameters, frozen ones too, before clipping.
  TensorList gradients(int64_t step);

 private:
  // Those by some parameters, of a batch in parts; adds the loss, the tokens and the time that it took to the result.
  TensorList differentiate(const std::vector<MicroBatch>& parts, int64_t step, const TensorList& parameters,
                           StepResult& result) const;

  const ExperimentConfig& config_;
  Experiment& experiment_;
  DataOrder order_;
};

}  // namespace transformlet
