#include "train/training_step.h"

#include <cmath>

#include "autograd/graph.h"
#include "optim/clip.h"

namespace transformlet {

bool StepResult::diverged() const { return !std::isfinite(loss) || !std::isfinite(gradient_norm); }

TrainingStep::TrainingStep(const ExperimentConfig& config, Experiment& experiment)
    : config_(config),
      experiment_(experiment),
      order_(config.seed_value(), config.task->size(Split::train), config.train.batch_size) {}

StepResult TrainingStep::operator()(int64_t step) {
  const Batch batch = experiment_.task.batch(Split::train, order_.examples(step));
  const Pass pass = Pass::training(config_.seed_value(), step).with_recompute(config_.train.recompute);
  const Tensor logits = (*experiment_.model)(batch.inputs, batch.mask, pass);
  const Tensor loss = cross_entropy(logits, batch.targets) / static_cast<double>(counted_targets(batch.targets));
  TensorList gradients = grad(loss, experiment_.parameters.tensors());

  const OptimizerKeys& keys = optimizer_keys(config_.optimizer);
  const StepResult result{
      .loss = loss.item(),
      .gradient_norm = global_norm(gradients),
      .learning_rate = learning_rate(config_.schedule, step, config_.train.max_steps, keys.learning_rate),
      .tokens = batch.inputs.size()};
  if (result.diverged()) return result;
  if (keys.clip_value) gradients = clip_by_value(gradients, *keys.clip_value);
  experiment_.optimizer->step(gradients, result.learning_rate, clip_scale(result.gradient_norm, keys.clip_norm));
  return result;
}

}  // namespace transformlet
