// An instrument that looks at a model while it learns, and changes nothing. A new probe is one new file in study/ that
// registers itself (study/norms.cpp).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "base/random.h"
#include "base/registry.h"
#include "layers/model.h"
#include "optim/optimizer.h"

namespace transformlet {

// After which steps something is measured; 0 is the model as it was made.
struct Cadence {
  int64_t every = 0;                // 0: not so
  std::vector<int64_t> steps = {};  // these ones
  std::string also = "none";        // or those of a schedule

  void describe(Fields& field);
  bool is_due(int64_t step) const;
};

// What a probe may look at after some steps of training.
struct ProbeView {
  int64_t step;  // that have been done
  const Model& model;
  const Parameters& parameters;
  // Examples that training does not see, always the same; of training where there are no others.
  const ModelInputs& examples;
  Tokens targets = {};  // of the examples
  // Of the weights, what the newest step has changed: in the order of the parameters; empty: no step has been done.
  TensorList updates = {};
  // The loss on the batch of the next step, as that step will compute it, dropout included, in parts that add up to it.
  // Each call makes the graph of a part anew.
  std::vector<std::function<Tensor()>> loss_parts = {};
  // Of that loss: in the order of the parameters.
  std::function<TensorList()> gradients = {};
  const Optimizer* optimizer = nullptr;
  RandomKey key{0};                          // for what a probe draws: another one for each probe and step
  std::optional<double> learning_rate = {};  // of the next step, or of the newest when there is none to follow
  // What the next step will change each weight by, in the order of the parameters, if its learning rate is 1.
  std::function<TensorList()> next_update = {};
  // Of the next step's batch: how many samples it has, and the share of those at [begin, end) in loss_parts' sum.
  int64_t batch_size = 0;
  std::function<Tensor(int64_t begin, int64_t end)> loss_share = {};
  std::function<ModelInputs()> batch = {};  // what the next step's batch gives to the model, as a whole
  int64_t training_size = 0;                // the examples that batches are drawn from
  // What loss_parts is, of the batch of any step.
  std::function<std::vector<std::function<Tensor()>>(int64_t step)> loss_parts_at = {};
};

using Measurements = std::vector<std::pair<std::string, double>>;

class Probe {
 public:
  virtual ~Probe() = default;
  void describe(Fields& field) {
    cadence_.describe(field);
    describe_keys(field);
  }
  const Cadence& cadence() const { return cadence_; }
  virtual bool wants_updates() const { return false; }
  // Why it can't measure such a model, which may be one without memory (Scope::dry), on a task that asks this of it;
  // empty: it can.
  virtual std::string misfit(const Model& /*model*/, const ModelSizes& /*sizes*/) const { return {}; }

  // Names below the probe's own, and numbers: "encoder.blocks.0.attention.qkv.weight/weight".
  virtual Measurements measure(const ProbeView& view) const = 0;

 private:
  virtual void describe_keys(Fields& /*field*/) {}

  Cadence cadence_;
};

}  // namespace transformlet
