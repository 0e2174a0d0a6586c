#include "train/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/random.h"

namespace transformlet {
namespace {

// Targets (B, T), or (B).
void count_correct(const Tensor& logits, const Tokens& targets, Score& score) {
  const int64_t classes = logits.columns(), examples = targets.shape()[0];
  with_dtype(logits.dtype(), [&]<class T>() {
    for (int64_t example = 0; example < examples; ++example) {
      int64_t counted = 0, correct = 0;
      for (int64_t row = example * targets.size() / examples; row < (example + 1) * targets.size() / examples; ++row) {
        if (targets[row] == CrossEntropyOptions().ignored) continue;
        const T* const first = logits.data<T>() + row * classes;
        correct += std::max_element(first, first + classes) - first == targets[row];
        ++counted;
      }
      score.correct += correct;
      score.positions += counted;
      score.sequences_correct += counted > 0 && correct == counted;
      score.sequences += counted > 0;
    }
  });
}

// Adds the squared errors at each place: outputs and targets (B, T, numbers).
void add_places(const Tensor& outputs, const Tensor& best, const Tensor& targets, std::vector<PlaceScore>& places) {
  places.resize(static_cast<size_t>(targets.dim(1)));
  const std::vector<double> answers = outputs.to_vector(), wanted = targets.to_vector(),
                            best_answers = best.defined() ? best.to_vector() : std::vector<double>();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(wanted[i])) continue;
    PlaceScore& place = places[i / static_cast<size_t>(targets.columns()) % places.size()];
    ++place.positions;
    place.loss_sum += (answers[i] - wanted[i]) * (answers[i] - wanted[i]);
    if (!best.defined()) continue;
    place.best_loss_sum =
        place.best_loss_sum.value_or(0) + (best_answers[i] - wanted[i]) * (best_answers[i] - wanted[i]);
  }
}

}  // namespace

std::string accuracy_in_words(const Score& score) {
  if (!score.has_answers) return fmt::format("{} targets", score.positions);
  const std::string sequences =
      score.sequence_accuracy() ? fmt::format("{}/{} sequences, ", score.sequences_correct, score.sequences) : "";
  return fmt::format("{}/{} positions right, {}accuracy {}", score.correct, score.positions, sequences,
                     *score.accuracy());
}

std::string best_loss_note(const Score& score) {
  const std::optional<double> best = score.best_loss();
  return best ? fmt::format(" (at best {:.5g})", *best) : "";
}

std::vector<int64_t> all_examples(const Task& task, Split split) {
  std::vector<int64_t> examples(static_cast<size_t>(task.evaluation_size(split)));
  std::iota(examples.begin(), examples.end(), 0);
  return examples;
}

// Floyd's algorithm: as many draws as there are examples to choose, however large the split (Bentley and Floyd 1987).
std::vector<int64_t> evaluated_examples(const ExperimentConfig& config, Split split) {
  const int64_t size = config.task->evaluation_size(split);
  if (split != Split::validation || !config.evaluate.examples) return all_examples(*config.task, split);
  RandomStream stream(RandomKey(config.seed_value()) / "evaluation");
  std::set<int64_t> chosen;
  for (int64_t last = size - *config.evaluate.examples; last < size; ++last) {
    const int64_t drawn = stream.below(last + 1);
    chosen.insert(chosen.contains(drawn) ? last : drawn);
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<std::vector<int64_t>> in_batches(const std::vector<int64_t>& examples, int64_t batch_size) {
  std::vector<std::vector<int64_t>> batches;
  const auto count = static_cast<int64_t>(examples.size());
  for (int64_t begin = 0; begin < count; begin += batch_size) {
    batches.emplace_back(examples.begin() + begin, examples.begin() + std::min(begin + batch_size, count));
  }
  return batches;
}

Score evaluate(const Model& model, const Task& task, Split split, int64_t batch_size) {
  return evaluate(model, task, split, all_examples(task, split), batch_size);
}

Score evaluate(const Model& model, const Task& task, Split split, const std::vector<int64_t>& examples,
               int64_t batch_size, const Corruption& corruption, Calibration* calibration) {
  const NoRecording off;
  Score score;
  for (const std::vector<int64_t>& some : in_batches(examples, batch_size)) {
    const Batch batch = task.evaluation_batch(split, some);
    ModelInputs inputs = batch.model_inputs();
    if (corruption.share > 0) inputs = corrupted(inputs, corruption, task.sizes(), some);
    const Tensor outputs = model(inputs, Pass::evaluation());
    score.loss_sum += batch.loss(outputs).item();
    if (batch.real_targets.defined()) {
      score.has_answers = false;
      score.positions += batch.counted_targets();
      if (batch.real_targets.rank() == 3) {
        add_places(outputs, task.best_outputs(batch), batch.real_targets, score.places);
      }
    } else {
      count_correct(outputs, batch.targets, score);
      if (calibration != nullptr) calibration->add(outputs, batch.targets);
    }
    score.bytes += batch.target_bytes;
    if (corruption.share > 0) continue;
    if (const auto best = task.best_loss(batch)) score.best_loss_sum = score.best_loss_sum.value_or(0) + *best;
  }
  return score;
}

}  // namespace transformlet
