// The probes of a run: when they are due, what they are shown, and what they leave in metrics.jsonl.
#pragma once

#include "train/experiment.h"
#include "train/json_text.h"
#include "train/training_step.h"

namespace transformlet {

// Examples that training does not see, always the same, as many as a training step computes with at a time, at most 64:
// the first of the validation split, or of training where there are none.
Batch probe_examples(const ExperimentConfig& config);

class Probes {
 public:
  Probes(const ExperimentConfig& config, Experiment& experiment, TrainingStep& training_step);

  // To be called before the step that follows `steps_done`: remembers the weights if a probe will ask what has changed.
  void before_step(int64_t steps_done);
  // What the probes that are due measure, as "norms/encoder....weight/gradient"; empty: none is due. The weights, the
  // optimiser and the run's random numbers stay as they are.
  JsonFields measure(int64_t steps_done);

 private:
  TensorList next_update(int64_t step);

  const ExperimentConfig& config_;
  Experiment& experiment_;
  TrainingStep& training_step_;
  TensorList before_;         // the weights before the newest step
  int64_t before_step_ = -1;  // after how many steps they were that
};

}  // namespace transformlet
