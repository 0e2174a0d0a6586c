// What is learned: data in splits, and how well a model does on them. A new task is one new file in train/tasks/ that
// registers itself (train/tasks/symbols.cpp).
#pragma once

#include <filesystem>
#include <optional>

#include "autograd/mask.h"
#include "base/fields.h"
#include "base/registry.h"
#include "layers/model.h"

namespace transformlet {

enum class Split { train, validation, test };
const char* name_of(Split split);

struct Batch {
  Tokens inputs;   // (B, T)
  Tokens targets;  // (B, T), or (B): CrossEntropyOptions::ignored where nothing is to be predicted
  Mask mask = {};
  Tokens source = {};  // (B, Ts): what the targets are written for, if they are
  Mask source_mask = {};
  int64_t target_bytes = 0;  // of the text that the targets stand for; 0: they stand for none

  ModelInputs model_inputs() const { return {inputs, mask, source, source_mask}; }
};

// How a training step comes to its examples.
enum class Sampling {
  epochs,  // each epoch takes all of them in an order of its own, without replacement
  steps,   // each step draws anew, with replacement: for sets so large that their order would be a burden
};

class Task {
 public:
  virtual ~Task() = default;
  virtual void describe(Fields& field) = 0;

  // Called once, before anything below. Data is a function of the seed.
  virtual void prepare(uint64_t seed) = 0;
  virtual ModelSizes sizes() const = 0;
  // The bytes that the prepared data takes.
  virtual double data_bytes() const = 0;
  // How many examples a split has.
  virtual int64_t size(Split split) const = 0;
  // The examples at the given places of a split.
  virtual Batch batch(Split split, const std::vector<int64_t>& examples) const = 0;
  virtual Sampling sampling() const { return Sampling::epochs; }
  // What an evaluation goes through, each once: the same examples, unless those of training overlap.
  virtual int64_t evaluation_size(Split split) const { return size(split); }
  virtual Batch evaluation_batch(Split split, const std::vector<int64_t>& examples) const {
    return batch(split, examples);
  }

  // The sum over the counted targets of a batch, in nats, that a model reaches which knows how examples are drawn, but
  // not which split one falls into: it gives each target its probability, given what it may look at. On average over
  // new examples no model does better; on those of training one may, that remembers them. Nothing: it is not known.
  virtual std::optional<double> best_loss(const Batch& /*batch*/) const { return std::nullopt; }

  // Leaves in a run's folder what the run depends on, beside its config, so that it can go on without the place where
  // it came from. Whoever reads the run's config finds it there: Fields::run_folder().
  virtual void save(const std::filesystem::path& /*run*/) const {}
};

// Which examples a training step sees: a function of the seed and the step. What does not fill a batch at the end of an
// epoch is left out.
class DataOrder {
 public:
  DataOrder(uint64_t seed, int64_t size, int64_t batch_size, Sampling sampling = Sampling::epochs)
      : seed_(seed), size_(size), batch_size_(batch_size), sampling_(sampling) {}
  DataOrder(uint64_t seed, const Task& task, int64_t batch_size)
      : DataOrder(seed, task.size(Split::train), batch_size, task.sampling()) {}

  std::vector<int64_t> examples(int64_t step);

 private:
  uint64_t seed_;
  int64_t size_, batch_size_;
  Sampling sampling_;
  int64_t epoch_ = -1;  // of which the order is at hand
  std::vector<int64_t> order_;
};

}  // namespace transformlet
