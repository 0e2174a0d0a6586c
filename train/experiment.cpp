#include "train/experiment.h"

#include <unistd.h>

#include <algorithm>

#include "base/name_patterns.h"
#include "train/stored_model.h"

namespace transformlet {

double machine_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

void TrainConfig::describe(Fields& field) {
  field("max_steps", max_steps, "optimiser steps in all", between(1, 1000000000));
  field("batch_size", batch_size, "examples in a step", between(1, 1000000));
  // Not gradient_accumulation_steps, under which name other trainers take batches that are as many times larger. Here
  // batch_size stays what it says, and this changes memory alone.
  field("micro_batches", micro_batches,
        "parts that a batch is computed in, one after the other: less memory, the same step to rounding",
        between(1, 1000000));
  field.check([&] { return micro_batches <= batch_size; }, {"micro_batches", "batch_size"},
              "must be at most batch_size");
  field("dtype", dtype, "of weights and activations: float32 runs, float64 proves", one_of({"float32", "float64"}));
  field("initial_weights", initial_weights,
        "a run, a checkpoint's folder or a safetensors file whose weights training begins with; empty: random ones");
  field("recompute", recompute, "drop each block's activations and compute them again: less memory, more time");
  field("ema_decay", ema_decay,
        "keep a running average of the weights that keeps this much of itself a step, and evaluate it; null: none",
        greater_than(0), less_than(1));
  field("log_every", log_every, "steps from one line of metrics.jsonl to the next", between(1, 1000000000));
  field("report", report, "write report.html into the run's folder when training has finished");
  field("threads", threads, "threads to compute with; 0: as many as there are CPUs to use", between(0, 1024));
}

void EvaluateConfig::describe(Fields& field) {
  field("every", every, "steps from one evaluation on the validation split to the next; 0: only at the end",
        between(0, 1000000000));
  field("examples", examples,
        "how many examples of the validation split are evaluated: always the same ones, a function of the seed; null: "
        "all",
        between(1, 1000000000));
  field("patience", patience,
        "evaluations in a row without a better val/loss after which training ends; each better one is saved as a "
        "checkpoint; null: never",
        between(1, 1000000000));
  field("beam", beam,
        "where the task is to write targets for sources: hypotheses that the test's search keeps, beside a greedy one",
        between(1, 10000));
  field("corrupt", corrupt,
        "the share of input tokens (of the source, if there is one) that are each replaced by another one",
        between(0, 1));
  field.check([&] { return !patience || every > 0; }, {"patience", "every"}, "needs an evaluate.every above 0");
}

// Why one of the probes can't measure the model; empty: all can.
static std::string misfit_of_probes(const ExperimentConfig& config) {
  if (config.probes.all().empty()) return {};
  Parameters parameters;
  const std::unique_ptr<Model> model = config.model->build(Scope::dry(parameters), config.task->sizes());
  for (const auto& [name, probe] : config.probes.all()) {
    if (const std::string misfit = probe->misfit(*model, config.task->sizes()); !misfit.empty())
      return name + " " + misfit;
  }
  return {};
}

void ExperimentConfig::describe(Fields& field) {
  field("seed", seed, "what data, initial weights, order and dropout are a function of", at_least(0));
  field.variant("task", "name", task, "what is to be learned");
  field.variant("model", "kind", model, "the network");
  field.variant("optimizer", "name", optimizer, "how the weights are changed");
  field.variant("schedule", "name", schedule, "the learning rate over time");
  field.group("train", train, "the training loop");
  field.group("evaluate", evaluate, "evaluation");
  field.group("checkpoint", checkpoint, "what is saved on the way");
  field.selection("probes", probes, "instruments that look at the model while it learns");
  field.list("interventions", interventions, "what is done to activations, in their order");
  field("freeze", freeze, "names of parameters, in which * stands for anything, that training leaves as they are");
  field.list("edits", edits, "what is done to weights after some steps of training");
  field.group("gradcheck", gradcheck, "what `transformlet gradcheck` checks, and how");
  field.check([&] { return task->size(Split::train) >= train.batch_size; }, {"train.batch_size", "task"},
              "is larger than the number of training examples");
  field.check([&] { return evaluate.examples.value_or(0) <= task->evaluation_size(Split::validation); },
              {"evaluate.examples", "task"}, "is larger than the number of validation examples");
  field.check([&] { return !evaluate.patience || task->size(Split::validation) > 0; }, {"evaluate.patience", "task"},
              "needs validation examples");
  field.check([&] { return task->data_bytes() <= machine_memory(); }, {"task"},
              "its data needs more memory than the machine has");
  field.check(
      [&] {
        if (task->sizes().features > 0 && !model->reads_real_inputs()) {
          return fmt::format("{} reads tokens, and this task has real inputs: mlp and decoder read them", model.name());
        }
        return model->misfit(task->sizes());
      },
      {"model", "task"});
  field.check([&] { return evaluate.corrupt == 0 || task->sizes().features == 0; }, {"evaluate.corrupt", "task"},
              "this task's inputs are no tokens");
  field.check(
      [&] {
        return evaluate.corrupt > 0 || std::ranges::none_of(interventions, [](const Intervention& intervention) {
                 return intervention.kind == "patch" && intervention.from.empty();
               });
      },
      {"interventions", "evaluate.corrupt"}, "a patch needs a run to take from, or an evaluate.corrupt above 0");
  field.check([&] { return misfit_of_probes(*this); }, {"probes", "model", "task"});
  field.check(
      [&] {
        return model->rate_scale() == 1 || std::holds_alternative<AdamConfig>(optimizer) ||
               std::holds_alternative<AdamWConfig>(optimizer);
      },
      {"optimizer", "model"}, "must be adam or adamw with parametrization: mup");
  field.check([&] { return estimated_memory(*this) <= machine_memory(); }, {"model", "task", "train.batch_size"},
              "with this task and batch size needs more memory than the machine has");
}

double estimated_memory(const ExperimentConfig& config) {
  Parameters parameters;
  const ModelSizes sizes = config.task->sizes();
  config.model->build(Scope::dry(parameters), sizes);
  const double copies = config.train.ema_decay ? 5 : 4;  // weights, gradients, two moments, and an average
  const double activations = config.model->activations_per_token(sizes, config.train.recompute) *
                             static_cast<double>(sizes.max_length) *
                             static_cast<double>(config.train.micro_batch_size());
  // A micro-batch's gradient of one parameter at a time, beside the sums.
  double largest = 0;
  if (config.train.micro_batches > 1) {
    for (const Parameter& parameter : parameters.list()) {
      largest = std::max(largest, static_cast<double>(parameter.value.size()));
    }
  }
  return (copies * static_cast<double>(parameters.count()) + largest + activations) *
             static_cast<double>(size_of(config.dtype())) +
         config.task->data_bytes();
}

double product_operations(const ExperimentConfig& config) {
  return static_cast<double>(config.train.batch_size) *
         config.model->product_operations(config.task->sizes(), config.train.recompute);
}

bool decays(const Parameter& parameter, const OptimizerConfig& optimizer) {
  return optimizer_keys(optimizer).decay_all_parameters || is_weight(parameter.kind);
}

Corruption corruption_of(const ExperimentConfig& config) {
  return {config.evaluate.corrupt, RandomKey(config.seed_value()) / "corruption"};
}

bool allows_search(const ExperimentConfig& config) {
  return config.evaluate.corrupt == 0 &&
         std::ranges::none_of(config.interventions, &Intervention::needs_whole_sequences);
}

Experiment::Experiment(ExperimentConfig& config) : task(*config.task) {
  task.prepare(config.seed_value());
  model = config.model->build(Scope(parameters, config.seed_value(), config.dtype()), task.sizes());
  if (!config.interventions.empty()) {
    IntervenedModel::Others others;
    for (const Intervention& intervention : config.interventions) {
      if (intervention.from.empty() || others.contains(intervention.from)) continue;
      others[intervention.from] = stored_model("interventions", intervention.from, config.dtype());
    }
    model = std::make_unique<IntervenedModel>(std::move(model), config.interventions, task.sizes(),
                                              RandomKey(config.seed_value()) / "interventions", std::move(others));
  }
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters.list()) names.push_back(parameter.value.name());
  const std::vector<std::string> frozen = matching_names("freeze", config.freeze, "parameter", names);
  for (size_t i = 0; i < config.edits.size(); ++i) {
    matching_names(fmt::format("edits[{}].at", i), config.edits[i].at, "parameter", names);
  }
  std::vector<OptimizedParameter> optimized;
  for (size_t i = 0; i < names.size(); ++i) {
    const Parameter& parameter = parameters.list()[i];
    const bool is_frozen = std::ranges::count(frozen, names[i]) > 0;
    if (!is_frozen) trained.push_back(i);
    optimized.push_back({.value = parameter.value,
                         .decays = decays(parameter, config.optimizer),
                         .is_hidden = parameter.kind == ParameterKind::weight,
                         .is_frozen = is_frozen,
                         .rate_scale = is_weight(parameter.kind) ? config.model->rate_scale() : 1.0});
  }
  if (trained.empty()) throw UsageError("freeze: all parameters are frozen; nothing is left to train");
  optimizer = make_optimizer(config.optimizer, std::move(optimized));
}

}  // namespace transformlet
