#include "train/step_export.h"

#include <fmt/ranges.h>

#include "train/config/writer.h"
#include "train/durable_file.h"

namespace transformlet {

StepExport::StepExport(const std::filesystem::path& folder, const ExperimentConfig& config,
                       const Experiment& experiment)
    : folder_(folder), experiment_(experiment), order_(config.seed_value(), *config.task, config.train.batch_size) {
  std::vector<std::string> decayed;
  for (const Parameter& parameter : experiment.parameters.list()) {
    if (decays(parameter, config.optimizer)) decayed.push_back(parameter.value.name());
  }
  make_folders(folder_);
  replace_file(folder_ / "config.yaml", write_config(config));
  write_safetensors(folder_ / "weights.safetensors",
                    {.tensors = weights(), .metadata = {{"decayed", fmt::format("{}", fmt::join(decayed, " "))}}});
}

void StepExport::add(int64_t step, const StepResult& result) {
  const Batch batch = experiment_.task.batch(Split::train, order_.examples(step));
  mask_ = batch.mask.to_string();
  require(mask_ == "none" || mask_ == "causal",
          "bench: this task's batches have the mask '{}'; --export writes none and causal", mask_);
  require(!batch.values.defined() && !batch.real_targets.defined(),
          "bench: this task's batches are of real numbers; --export writes tokens");
  require(batch.source.size() == 0, "bench: this task's batches have a source, for which --export has no place");
  require(inputs_.empty() || shape_ == batch.inputs.shape(),
          "bench: this task's batches differ in shape, {} and {}; --export writes batches of one shape", shape_,
          batch.inputs.shape());
  shape_ = batch.inputs.shape();
  inputs_.insert(inputs_.end(), batch.inputs.ids().begin(), batch.inputs.ids().end());
  targets_.insert(targets_.end(), batch.targets.ids().begin(), batch.targets.ids().end());
  learning_rates_.push_back(result.learning_rate);
  losses_.push_back(result.loss);
}

void StepExport::finish() const {
  const auto steps = static_cast<int64_t>(losses_.size());
  const Shape each{steps}, batches{steps, shape_[0], shape_[1]};
  write_safetensors(folder_ / "steps.safetensors",
                    {.tensors = {{"inputs", tensor(inputs_, batches, DType::float64)},
                                 {"targets", tensor(targets_, batches, DType::float64)},
                                 {"learning_rates", tensor(learning_rates_, each, DType::float64)},
                                 {"losses", tensor(losses_, each, DType::float64)}},
                     .metadata = {{"mask", mask_}}});
  write_safetensors(folder_ / "final_weights.safetensors", {.tensors = weights(), .metadata = {}});
}

std::vector<NamedTensor> StepExport::weights() const {
  std::vector<NamedTensor> result;
  for (const Parameter& parameter : experiment_.parameters.list()) {
    result.push_back({parameter.value.name(), parameter.value});
  }
  return result;
}

}  // namespace transformlet
