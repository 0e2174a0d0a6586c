#include "train/training_step.h"

#include <cmath>

#include "autograd/graph.h"
#include "autograd/profile.h"
#include "optim/clip.h"
#include "train/stopwatch.h"

namespace transformlet {

bool StepResult::diverged() const { return !std::isfinite(loss) || !std::isfinite(gradient_norm); }

TrainingStep::TrainingStep(const ExperimentConfig& config, Experiment& experiment)
    : config_(config), experiment_(experiment), order_(config.seed_value(), *config.task, config.train.batch_size) {}

StepResult TrainingStep::operator()(int64_t step) {
  if (current_profile != nullptr) current_profile->skip();
  Stopwatch stopwatch;
  const Batch batch = experiment_.task.batch(Split::train, order_.examples(step));
  if (current_profile != nullptr) current_profile->part("batch");
  const double batch_seconds = stopwatch.lap();

  const Pass pass = Pass::training(config_.seed_value(), step).with_recompute(config_.train.recompute);
  // The logits live no longer than the graph needs them: with a large vocabulary they are the largest activation.
  const Tensor loss = cross_entropy((*experiment_.model)(batch.inputs, batch.mask, pass), batch.targets) /
                      static_cast<double>(counted_targets(batch.targets));
  const double forward_seconds = stopwatch.lap();

  TensorList gradients = grad(loss, experiment_.parameters.tensors());
  const double backward_seconds = stopwatch.lap();

  const OptimizerKeys& keys = optimizer_keys(config_.optimizer);
  StepResult result{.loss = loss.item(),
                    .gradient_norm = global_norm(gradients),
                    .learning_rate = learning_rate(config_.schedule, step, config_.train.max_steps, keys.learning_rate),
                    .tokens = batch.inputs.size()};
  if (result.diverged()) return result;
  if (keys.clip_value) gradients = clip_by_value(gradients, *keys.clip_value);
  experiment_.optimizer->step(gradients, result.learning_rate, clip_scale(result.gradient_norm, keys.clip_norm));
  if (current_profile != nullptr) current_profile->part("optimizer");
  result.seconds = {batch_seconds, forward_seconds, backward_seconds, stopwatch.lap()};
  return result;
}

}  // namespace transformlet
