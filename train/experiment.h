// A config file as a whole, and what it makes: the task's data, the model, the optimiser.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "layers/model.h"
#include "optim/config.h"
#include "optim/schedule.h"
#include "study/intervention.h"
#include "study/probe.h"
#include "train/checkpoint_config.h"
#include "train/corruption.h"
#include "train/gradcheck_config.h"
#include "train/task.h"
#include "train/weight_edits.h"

namespace transformlet {

struct TrainConfig {
  int64_t max_steps = 1000, batch_size = 64, micro_batches = 1, log_every = 10, threads = 0;
  std::string dtype = "float32", initial_weights;
  bool recompute = false, report = true;
  std::optional<double> ema_decay;

  void describe(Fields& field);

  // Examples that are computed with at a time, at most.
  int64_t micro_batch_size() const { return (batch_size + micro_batches - 1) / micro_batches; }
};

struct EvaluateConfig {
  int64_t every = 0, beam = 4;
  std::optional<int64_t> examples, patience;
  double corrupt = 0;  // the share of input tokens

  void describe(Fields& field);
};

struct ExperimentConfig {
  int64_t seed = 42;
  Choice<Task> task;
  Choice<ModelConfig> model{"encoder"};
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  TrainConfig train;
  EvaluateConfig evaluate;
  CheckpointConfig checkpoint;
  Selection<Probe> probes;
  std::vector<Intervention> interventions;
  std::vector<std::string> freeze;
  std::vector<WeightEdit> edits;
  GradcheckConfig gradcheck;

  void describe(Fields& field);

  uint64_t seed_value() const { return static_cast<uint64_t>(seed); }
  DType dtype() const { return train.dtype == "float64" ? DType::float64 : DType::float32; }
};

// What a config makes, ready to compute with.
struct Experiment {
  explicit Experiment(ExperimentConfig& config);

  Task& task;
  Parameters parameters;
  std::unique_ptr<Model> model;  // with the config's interventions
  std::vector<size_t> trained;   // places in the parameters: of those that are not frozen
  std::unique_ptr<Optimizer> optimizer;
};

// What evaluate.corrupt does, as a function of the seed.
Corruption corruption_of(const ExperimentConfig& config);

// Whether a search can write targets under the config's interventions and corruption: it reads token by token, from
// inputs as they are.
bool allows_search(const ExperimentConfig& config);

// The bytes of memory that the machine has.
double machine_memory();

// Whether the optimiser's weight decay applies to a parameter.
bool decays(const Parameter& parameter, const OptimizerConfig& optimizer);

// The bytes that training needs: weights, gradients, the optimiser's state, activations, data. An estimate from above,
// made without allocating anything.
double estimated_memory(const ExperimentConfig& config);

// The multiplications and additions in the matrix products of a training step on examples of the greatest length, made
// without allocating anything. What the task's masks hide counts too.
double product_operations(const ExperimentConfig& config);

}  // namespace transformlet
