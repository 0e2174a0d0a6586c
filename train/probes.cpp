#include "train/probes.h"

#include <algorithm>
#include <numeric>

#include "train/evaluation.h"

namespace transformlet {

static constexpr int64_t most_examples = 64;

Batch probe_examples(const ExperimentConfig& config) {
  const Split split = config.task->size(Split::validation) > 0 ? Split::validation : Split::train;
  std::vector<int64_t> examples(static_cast<size_t>(
      std::min({most_examples, config.train.micro_batch_size(), config.task->evaluation_size(split)})));
  std::iota(examples.begin(), examples.end(), 0);
  return config.task->evaluation_batch(split, examples);
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

std::vector<std::function<Tensor()>> Probes::loss_parts(int64_t step) const {
  std::vector<std::function<Tensor()>> parts;
  for (MicroBatch& part : training_step_.micro_batches(step)) {
    parts.emplace_back([this, step, part = std::move(part)] { return training_step_.loss(part, step); });
  }
  return parts;
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
  for (const auto& [name, probe] : config_.probes.all()) {
    if (!probe->cadence().is_due(steps_done)) continue;
    if (!examples) examples = probe_examples(config_);
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
                         .key = RandomKey(config_.seed_value()) / "probe" / name / steps_done};
    for (auto& [key, value] : probe->measure(view)) fields.push_back({name + "/" + key, value});
  }
  return fields;
}

}  // namespace transformlet
