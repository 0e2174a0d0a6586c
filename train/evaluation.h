// How well a model does on a split.
#pragma once

#include "train/experiment.h"

namespace transformlet {

// Sums, so that batches of unequal size add up exactly.
struct Score {
  double loss_sum = 0;
  int64_t correct = 0;    // targets whose logit is the largest (of equals, the first)
  int64_t positions = 0;  // targets that count

  double loss() const { return loss_sum / static_cast<double>(positions); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(positions); }
};

// Over the whole split, in its own order, or over the examples at some of its places.
Score evaluate(const Model& model, const Task& task, Split split, int64_t batch_size);
Score evaluate(const Model& model, const Task& task, Split split, const std::vector<int64_t>& examples,
               int64_t batch_size);

// All places of a split.
std::vector<int64_t> all_examples(const Task& task, Split split);

// Those that a config evaluates: of the validation split evaluate.examples, drawn without replacement as a function of
// the seed, and in ascending order; of the others all.
std::vector<int64_t> evaluated_examples(const ExperimentConfig& config, Split split);

// The examples in batches, the last of which may be smaller.
std::vector<std::vector<int64_t>> in_batches(const std::vector<int64_t>& examples, int64_t batch_size);

}  // namespace transformlet
