#include "train/probes.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "study/kept_weights.h"
#include "train/evaluation.h"
#include "train/stopwatch.h"

namespace transformlet {

static constexpr int64_t most_examples = 64;

Batch probe_examples(const ExperimentConfig& config) {
  const Split split = config.task->size(Split::validation) > 0 ? Split::validation : Split::train;
  std::vector<int64_t> examples(static_cast<size_t>(
      std::min({most_examples, config.train.micro_batch_size(), config.task->evaluation_size(split)})));
  std::iota(examples.begin(), examples.end(), 0);
  return config.task->evaluation_batch(split, examples);
}

// Of the loss of a batch in these parts: the share of its samples at [begin, end), however the parts divide them.
static Tensor share(const TrainingStep& training_step, const std::vector<MicroBatch>& parts, int64_t step,
                    int64_t begin, int64_t end) {
  Tensor sum;
  for (const MicroBatch& part : parts) {
    const int64_t from = std::max(begin - part.first_sample, int64_t{0});
    const int64_t to = std::min(end - part.first_sample, part.batch.size());
    if (from >= to) continue;
    const Tensor loss =
        training_step.loss({part.batch.samples(from, to), part.first_sample + from, part.counted_targets}, step);
    sum = sum.defined() ? sum + loss : loss;
  }
  require(sum.defined(), "samples {} to {} are none of a batch of this step", begin, end);
  return sum;
}

// Of the batch of that step, which they share.
static std::vector<std::function<Tensor()>> loss_parts_at(TrainingStep& training_step, int64_t step) {
  const auto batch = std::make_shared<const std::vector<MicroBatch>>(training_step.micro_batches(step));
  std::vector<std::function<Tensor()>> parts;
  for (size_t i = 0; i < batch->size(); ++i) {
    parts.emplace_back([&training_step, batch, step, i] { return training_step.loss((*batch)[i], step); });
  }
  return parts;
}

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

// The step is taken, for what it changes, and taken back: weights and state are the same bits as before.
TensorList Probes::next_update(int64_t step) {
  KeptWeights before(experiment_.parameters);
  std::vector<NamedState> state = experiment_.optimizer->state();
  for (NamedState& entry : state) entry.value = copy(entry.value);
  const int64_t step_count = experiment_.optimizer->step_count();
  training_step_(step, 1.0);
  TensorList update;
  const TensorList after = experiment_.parameters.tensors();
  for (size_t i = 0; i < after.size(); ++i) {
    const NoRecording off;
    update.push_back(after[i] - before.values()[i]);
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
  std::vector<MicroBatch> made;  // of the next step's batch, once they are asked for
  const auto parts = [&]() -> const std::vector<MicroBatch>& {
    if (made.empty()) made = training_step_.micro_batches(steps_done);
    return made;
  };
  std::vector<std::function<Tensor()>> loss_parts;
  for (size_t i = 0; i < static_cast<size_t>(config_.train.micro_batches); ++i) {
    loss_parts.emplace_back([&, i] { return training_step_.loss(parts()[i], steps_done); });
  }
  const auto loss_share = [&](int64_t begin, int64_t end) {
    return share(training_step_, parts(), steps_done, begin, end);
  };
  const TrainConfig& train = config_.train;
  const double rate = learning_rate(config_.schedule, std::min(steps_done, train.max_steps - 1), train.max_steps,
                                    optimizer_keys(config_.optimizer).learning_rate);
  for (const auto& [name, probe] : config_.probes.all()) {
    if (!probe->cadence().is_due(steps_done)) continue;
    Stopwatch stopwatch;
    if (!examples) examples = probe_examples(config_);
    const ModelInputs inputs = examples->model_inputs();
    const ProbeView view{.step = steps_done,
                         .model = *experiment_.model,
                         .parameters = experiment_.parameters,
                         .examples = inputs,
                         .targets = examples->targets,
                         .updates = updates,
                         .loss_parts = loss_parts,
                         .gradients = [&] { return training_step_.gradients(steps_done); },
                         .optimizer = experiment_.optimizer.get(),
                         .key = RandomKey(config_.seed_value()) / "probe" / name / steps_done,
                         .learning_rate = rate,
                         .next_update = [&] { return next_update(steps_done); },
                         .batch_size = train.batch_size,
                         .loss_share = loss_share,
                         .batch = [&] { return training_step_.batch(steps_done).model_inputs(); },
                         .training_size = config_.task->size(Split::train),
                         .loss_parts_at = [&](int64_t step) { return loss_parts_at(training_step_, step); }};
    for (auto& [key, value] : probe->measure(view)) fields.push_back({name + "/" + key, value});
    fields.push_back({"perf/probes/" + name + "_ms", 1e3 * stopwatch.lap()});
  }
  return fields;
}

}  // namespace transformlet
