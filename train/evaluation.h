// How well a model does on a split.
#pragma once

#include <numbers>
#include <optional>

#include "study/calibration.h"
#include "train/corruption.h"
#include "train/experiment.h"

namespace transformlet {

// Of the targets at one place of all sequences.
struct PlaceScore {
  double loss_sum = 0;
  std::optional<double> best_loss_sum = {};
  int64_t positions = 0;  // targets that count
};

// Sums, so that batches of unequal size add up exactly.
struct Score {
  double loss_sum = 0;
  bool has_answers = true;                   // that are right or wrong: real targets have none, and nothing is correct
  int64_t correct = 0;                       // targets whose logit is the largest (of equals, the first)
  int64_t positions = 0;                     // targets that count
  int64_t sequences_correct = 0;             // examples of which all targets that count are
  int64_t sequences = 0;                     // examples with a target that counts
  int64_t bytes = 0;                         // of the text that the targets stand for; 0: for none
  std::optional<double> best_loss_sum = {};  // Task::best_loss; nothing: nobody knows
  std::vector<PlaceScore> places = {};       // of real targets (B, T, outputs): T of them

  double loss() const { return loss_sum / static_cast<double>(positions); }
  // What a model reaches on the same examples which knows how examples are drawn.
  std::optional<double> best_loss() const {
    if (!best_loss_sum) return std::nullopt;
    return *best_loss_sum / static_cast<double>(positions);
  }
  // What a compressor would need that knew what the model knows: comparable between tokenizers.
  std::optional<double> bits_per_byte() const {
    if (bytes == 0) return std::nullopt;
    return loss_sum / std::numbers::ln2 / static_cast<double>(bytes);
  }
  std::optional<double> accuracy() const {
    if (!has_answers) return std::nullopt;
    return static_cast<double>(correct) / static_cast<double>(positions);
  }
  // Of whole sequences: nothing where they are no answers that could be right. Those are no pieces of a text, nor hold
  // they what nobody can know, and they have more than one target.
  std::optional<double> sequence_accuracy() const {
    if (!has_answers || bytes > 0 || best_loss_sum.value_or(0) > 0 || sequences == positions) return std::nullopt;
    return static_cast<double>(sequences_correct) / static_cast<double>(sequences);
  }
};

// Over the whole split, in its own order, or over the examples at some of its places. Of corrupted inputs there is no
// best loss: nobody knows it.
Score evaluate(const Model& model, const Task& task, Split split, int64_t batch_size);
Score evaluate(const Model& model, const Task& task, Split split, const std::vector<int64_t>& examples,
               int64_t batch_size, const Corruption& corruption = {}, Calibration* calibration = nullptr);

// "4000/4000 positions right, 1000/1000 sequences, accuracy 1", or "4000 targets"
std::string accuracy_in_words(const Score& score);

// " (at best 1.4)" to stand behind a loss, or nothing.
std::string best_loss_note(const Score& score);

// All places of a split.
std::vector<int64_t> all_examples(const Task& task, Split split);

// Those that a config evaluates: of the validation split evaluate.examples, drawn without replacement as a function of
// the seed, and in ascending order; of the others all.
std::vector<int64_t> evaluated_examples(const ExperimentConfig& config, Split split);

// The examples in batches, the last of which may be smaller.
std::vector<std::vector<int64_t>> in_batches(const std::vector<int64_t>& examples, int64_t batch_size);

}  // namespace transformlet
