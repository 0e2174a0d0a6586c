#include "train/training_step.h"

#include <cmath>

#include "autograd/graph.h"
#include "autograd/kernels/functions.h"
#include "autograd/profile.h"
#include "optim/clip.h"
#include "train/stopwatch.h"

namespace transformlet {
namespace {

// In place where nobody else holds the sum: the gradients of two parameters may be one buffer.
void add_to(Tensor& sum, Tensor part) {
  if (!sum.defined()) {
    sum = std::move(part);
  } else if (sum.unshared()) {
    with_dtype(sum.dtype(),
               [&]<class T>() { kernels::functions<T>().add_into(sum.size(), part.data<T>(), overwrite<T>(sum)); });
  } else {
    sum = sum + part;
  }
}

}  // namespace

bool StepResult::diverged() const { return !std::isfinite(loss) || !std::isfinite(gradient_norm); }

TrainingStep::TrainingStep(const ExperimentConfig& config, Experiment& experiment)
    : config_(config), experiment_(experiment), order_(config.seed_value(), *config.task, config.train.batch_size) {}

std::vector<MicroBatch> TrainingStep::micro_batches(int64_t step) {
  const auto begin_of = [&](int64_t part) { return config_.train.batch_size * part / config_.train.micro_batches; };
  const Batch batch = this->batch(step);
  const auto counted = static_cast<double>(batch.counted_targets());
  if (config_.train.micro_batches == 1) return {{batch, 0, counted}};
  std::vector<MicroBatch> parts;
  // Cut out of the whole, not made apart: a part that is padded less would have other dropout masks.
  for (int64_t i = 0; i < config_.train.micro_batches; ++i) {
    parts.push_back({batch.samples(begin_of(i), begin_of(i + 1)), begin_of(i), counted});
  }
  return parts;
}

Tensor TrainingStep::loss(const MicroBatch& part, int64_t step) const {
  const Pass pass =
      Pass::training(config_.seed_value(), step, part.first_sample).with_recompute(config_.train.recompute);
  // The logits live no longer than the graph needs them: with a large vocabulary they are the largest activation.
  return part.batch.loss((*experiment_.model)(part.batch.model_inputs(), pass)) / part.counted_targets;
}

TensorList TrainingStep::differentiate(const std::vector<MicroBatch>& parts, int64_t step, const TensorList& parameters,
                                       StepResult& result) const {
  Stopwatch stopwatch;
  TensorList gradients(parameters.size());
  for (const MicroBatch& part : parts) {
    const Tensor part_loss = loss(part, step);
    result.seconds.forward += stopwatch.lap();
    // One by one, so that no part's gradients are ever there as a whole beside their sum.
    grad(part_loss, parameters,
         {.on_gradient = [&](size_t i, Tensor gradient) { add_to(gradients[i], std::move(gradient)); }});
    result.seconds.backward += stopwatch.lap();
    result.loss += part_loss.item();
    result.tokens += part.batch.places();
  }
  return gradients;
}

TensorList TrainingStep::gradients(int64_t step) {
  StepResult unused;
  return differentiate(micro_batches(step), step, experiment_.parameters.tensors(), unused);
}

StepResult TrainingStep::operator()(int64_t step, std::optional<double> rate) {
  if (current_profile != nullptr) current_profile->skip();
  Stopwatch stopwatch;
  const std::vector<MicroBatch> parts = micro_batches(step);
  if (current_profile != nullptr) current_profile->part("batch");
  StepResult result;
  result.seconds.batch = stopwatch.lap();

  const TensorList all = experiment_.parameters.tensors();
  TensorList trained;
  for (const size_t i : experiment_.trained) trained.push_back(all[i]);
  TensorList gradients = differentiate(parts, step, trained, result);
  stopwatch.lap();
  const OptimizerKeys& keys = optimizer_keys(config_.optimizer);
  result.gradient_norm = global_norm(gradients);
  result.learning_rate =
      rate ? *rate : learning_rate(config_.schedule, step, config_.train.max_steps, keys.learning_rate);
  if (result.diverged()) return result;
  if (keys.clip_value) gradients = clip_by_value(gradients, *keys.clip_value);
  TensorList of_all(all.size());  // of frozen parameters: none
  for (size_t i = 0; i < gradients.size(); ++i) of_all[experiment_.trained[i]] = std::move(gradients[i]);
  experiment_.optimizer->step(of_all, result.learning_rate, clip_scale(result.gradient_norm, keys.clip_norm));
  if (!rate) edit_weights(config_.edits, experiment_.parameters, step + 1);
  if (current_profile != nullptr) current_profile->part("optimizer");
  result.seconds.optimizer = stopwatch.lap();
  return result;
}

}  // namespace transformlet
