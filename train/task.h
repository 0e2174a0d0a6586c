// What is learned: data in splits, and how well a model does on them. A new task is one new file in train/tasks/ that
// registers itself (train/tasks/symbols.cpp).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "autograd/mask.h"
#include "base/fields.h"
#include "base/random.h"
#include "base/registry.h"
#include "layers/model.h"

namespace transformlet {

enum class Split { train, validation, test };
const char* name_of(Split split);
// Which split a text falls to: a function of the key and the text alone, so equal texts are in one split, and more
// texts move none. Shares are met on average.
Split split_of(RandomKey key, std::string_view text, double val_fraction, double test_fraction);

// Inputs are tokens or real vectors, and so are targets.
struct Batch {
  Tokens inputs = {};   // (B, T)
  Tokens targets = {};  // (B, T), or (B): CrossEntropyOptions::ignored where nothing is to be predicted
  Mask mask = {};
  Tokens source = {};  // (B, Ts): what the targets are written for, if they are
  Mask source_mask = {};
  int64_t target_bytes = 0;  // of the text that the targets stand for; 0: they stand for none
  Tensor values = {};        // (B, features) or (B, T, features), float64: in place of inputs
  Tensor real_targets = {};  // (B, outputs) or (B, T, outputs), float64: in place of targets; NaN: nothing to predict

  ModelInputs model_inputs() const { return {inputs, mask, source, source_mask, {}, values}; }
  int64_t size() const { return values.defined() ? values.dim(0) : inputs.shape()[0]; }
  int64_t places() const { return values.defined() ? values.rows() : inputs.size(); }  // of all examples together
  int64_t counted_targets() const;
  // The SUM of the losses over the targets that count, of what a model makes of the inputs. Of tokens the cross entropy
  // in nats; of real targets t the squared error (y - t)^2 of each number, so that their mean is the mean squared error
  // (Garg et al. 2022). Cohen et al. 2021 take half of the squares, summed over outputs: with one output, a learning
  // rate there is half of it here.
  Tensor loss(const Tensor& outputs) const;
  // Those at [begin, end), as they are in the batch, padding included: what dropout leaves out depends on the length.
  // Without target_bytes, which are known of the whole alone.
  Batch samples(int64_t begin, int64_t end) const;
};

// Where a token stands: an id may mean another thing in each.
enum class TokenKind { input, target, source };

// How a training step comes to its examples.
enum class Sampling {
  epochs,            // each epoch takes all of them in an order of its own, without replacement
  epochs_by_length,  // the same, with batches of examples of about one length: so little is padded
  steps,             // each step draws anew, with replacement: for sets so large that their order would be a burden
};

// What a search needs to know of a task that writes a target for a source.
class SourceToTarget {
 public:
  virtual ~SourceToTarget() = default;
  // The token that every target begins and ends with.
  virtual int32_t boundary() const = 0;
  // The targets, without boundaries, that are right for an example's source. Where several examples have one source,
  // the first of them has the targets of all, and the others have none: so each source counts once.
  virtual std::vector<std::vector<int32_t>> references(Split split, int64_t example) const = 0;
  // A UsageError says what of the text no source can have.
  virtual std::vector<int32_t> source_ids(std::string_view text) const = 0;
  virtual std::string target_text(const std::vector<int32_t>& ids) const = 0;
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
  // Of a training example, for Sampling::epochs_by_length.
  virtual int64_t length(int64_t /*example*/) const { return 1; }
  // What an evaluation goes through, each once: the same examples, unless those of training overlap.
  virtual int64_t evaluation_size(Split split) const { return size(split); }
  virtual Batch evaluation_batch(Split split, const std::vector<int64_t>& examples) const {
    return batch(split, examples);
  }

  // Null: the task has no sources to write targets for.
  virtual const SourceToTarget* source_to_target() const { return nullptr; }

  // The sum over the counted targets of a batch, in nats, that a model reaches which knows how examples are drawn, but
  // not which split one falls into: it gives each target its probability, given what it may look at. On average over
  // new examples no model does better; on those of training one may, that remembers them. Nothing: it is not known.
  virtual std::optional<double> best_loss(const Batch& /*batch*/) const { return std::nullopt; }
  // Of real targets, what that model answers, like Batch::real_targets; undefined: it is not known.
  virtual Tensor best_outputs(const Batch& /*batch*/) const { return {}; }

  // What a person reads for a token of these sequences.
  virtual std::string token_text(TokenKind /*kind*/, int32_t id) const { return std::to_string(id); }

  // What to know of a split before a model is trained or judged on it, in a line; empty: nothing.
  virtual std::string summary(Split /*split*/) const { return {}; }

  // Leaves in a run's folder what the run depends on, beside its config, so that it can go on without the place where
  // it came from. Whoever reads the run's config finds it there: Fields::run_folder().
  virtual void save(const std::filesystem::path& /*run*/) const {}
};

// Which examples a training step sees: a function of the seed and the step. What does not fill a batch at the end of an
// epoch is left out. By length: an epoch's order is cut into pools of 64 batches, each pool is sorted by length and cut
// into batches, and the batches of all pools are shuffled.
class DataOrder {
 public:
  using Length = std::function<int64_t(int64_t example)>;

  DataOrder(uint64_t seed, int64_t size, int64_t batch_size, Sampling sampling = Sampling::epochs, Length length = {})
      : seed_(seed), size_(size), batch_size_(batch_size), sampling_(sampling), length_(std::move(length)) {}
  DataOrder(uint64_t seed, const Task& task, int64_t batch_size)
      : DataOrder(seed, task.size(Split::train), batch_size, task.sampling(),
                  [&task](int64_t example) { return task.length(example); }) {}

  std::vector<int64_t> examples(int64_t step);

 private:
  std::vector<int64_t> order_of(int64_t epoch) const;

  uint64_t seed_;
  int64_t size_, batch_size_;
  Sampling sampling_;
  Length length_;
  int64_t epoch_ = -1;  // of which the order is at hand
  std::vector<int64_t> order_;
};

}  // namespace transformlet
