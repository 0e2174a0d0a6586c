#include "train/probes.h"

#include <algorithm>
#include <numeric>

#include "train/evaluation.h"

namespace transformlet {
namespace {

constexpr int64_t most_examples = 64;

// The first of the validation split, or of training where there are none.
Batch examples_of(const ExperimentConfig& config) {
  const Split split = config.task->size(Split::validation) > 0 ? Split::validation : Split::train;
  std::vector<int64_t> examples(static_cast<size_t>(
      std::min({most_examples, config.train.micro_batch_size(), config.task->evaluation_size(split)})));
  std::iota(examples.begin(), examples.end(), 0);
  return config.task->evaluation_batch(split, examples);
}

// Of the loss of a batch in these parts: the share of its samples at [begin, end), however the parts divide them.
Tensor share(const TrainingStep& training_step, const std::vector<MicroBatch>& parts, int64_t step, int64_t begin,
             int64_t end) {
  Tensor sum;
  for (const MicroBatch& part : parts) {
    const int64_t from = std::max(begin - part.first_sample, int64_t{0});
    const int64_t to = std::min(end - part.first_sample, part.batch.inputs.shape()[0]);
    if (from >= to) continue;
    const Tensor loss =
        training_step.loss({part.batch.samples(from, to), part.first_sample + from, part.counted_targets}, step);
    sum = sum.defined() ? sum + loss : loss;
  }
  require(sum.defined(), "samples {} to {} are none of a batch of this step", begin, end);
  return sum;
}

}  // namespace

Probes::Probes(const ExperimentConfig& config, Experiment& experiment, TrainingStep& training_step)
    : config_(config), experiment_(experiment), training_step_(training_step) {}

void Probes::before_step(int64_t steps_done) {
  before_.clear();
  for (const auto& [name, probe] : config_.probes.all()) {
    if (!probe->wants_updates() || !probe->cadence().is_due(steps_done + 1)) continue;
    for (const Tensor& weight : experiment_.parameters.tensors()) before_.push_back(copy(weight));
    before_step_ = steps_done;
    return;
  }
}

std::vector<std::function<Tensor()>> Probes::loss_parts(int64_t step) const {
  std::vector<std::function<Tensor()>> parts;
  for (MicroBatch& part : training_step_.micro_batches(step)) {
    parts.emplace_back([this, step, part = std::move(part)] { return training_step_.loss(part, step); });
  }
  return parts;
}

// The step is taken, for what it changes, and taken back: weights and state are the same bits as before.
TensorList Probes::next_update(int64_t step) {
  const TensorList weights = experiment_.parameters.tensors();
  TensorList before, update;
  for (const Tensor& weight : weights) before.push_back(copy(weight));
  std::vector<NamedState> state = experiment_.optimizer->state();
  for (NamedState& entry : state) entry.value = copy(entry.value);
  const int64_t step_count = experiment_.optimizer->step_count();
  training_step_(step, 1.0);
  for (size_t i = 0; i < weights.size(); ++i) {
    const NoRecording off;
    update.push_back(weights[i] - before[i]);
    Tensor weight = weights[i];
    with_dtype(weight.dtype(),
               [&]<class T>() { std::copy_n(before[i].data<T>(), weight.size(), overwrite<T>(weight)); });
  }
  experiment_.optimizer->restore(step_count, state);
  return update;
}

JsonFields Probes::measure(int64_t steps_done) {
  JsonFields fields;
  TensorList updates;
  if (!before_.empty() && before_step_ + 1 == steps_done) {
    const NoRecording off;
    const TensorList after = experiment_.parameters.tensors();
    for (size_t i = 0; i < after.size(); ++i) updates.push_back(after[i] - before_[i]);
  }
  std::optional<Batch> examples;
  std::vector<MicroBatch> parts;  // of the next step's batch, once they are asked for
  const auto loss_share = [&](int64_t begin, int64_t end) {
    if (parts.empty()) parts = training_step_.micro_batches(steps_done);
    return share(training_step_, parts, steps_done, begin, end);
  };
  const TrainConfig& train = config_.train;
  const double rate = learning_rate(config_.schedule, std::min(steps_done, train.max_steps - 1), train.max_steps,
                                    optimizer_keys(config_.optimizer).learning_rate);
  for (const auto& [name, probe] : config_.probes.all()) {
    if (!probe->cadence().is_due(steps_done)) continue;
    if (!examples) examples = examples_of(config_);
    const ModelInputs inputs = examples->model_inputs();
    const ProbeView view{.step = steps_done,
                         .model = *experiment_.model,
                         .parameters = experiment_.parameters,
                         .examples = inputs,
                         .targets = examples->targets,
                         .updates = updates,
                         .loss_parts = loss_parts(steps_done),
                         .gradients = [&] { return training_step_.gradients(steps_done); },
                         .optimizer = experiment_.optimizer.get(),
                         .key = RandomKey(config_.seed_value()) / "probe" / name / steps_done,
                         .learning_rate = rate,
                         .next_update = [&] { return next_update(steps_done); },
                         .batch_size = train.batch_size,
                         .loss_share = loss_share,
                         .training_size = config_.task->size(Split::train),
                         .loss_parts_at = [&](int64_t step) { return loss_parts(step); }};
    for (auto& [key, value] : probe->measure(view)) fields.push_back({name + "/" + key, value});
  }
  return fields;
}

}  // namespace transformlet
