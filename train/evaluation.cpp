#include "train/evaluation.h"

#include <algorithm>
#include <numeric>

namespace transformlet {
namespace {

int64_t count_correct(const Tensor& logits, const Tokens& targets) {
  const int64_t classes = logits.columns();
  int64_t correct = 0;
  with_dtype(logits.dtype(), [&]<class T>() {
    for (int64_t row = 0; row < targets.size(); ++row) {
      const T* const first = logits.data<T>() + row * classes;
      correct += std::max_element(first, first + classes) - first == targets[row];
    }
  });
  return correct;
}

}  // namespace

std::vector<int64_t> all_examples(const Task& task, Split split) {
  std::vector<int64_t> examples(static_cast<size_t>(task.size(split)));
  std::iota(examples.begin(), examples.end(), 0);
  return examples;
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
               int64_t batch_size) {
  const NoRecording off;
  Score score;
  for (const std::vector<int64_t>& some : in_batches(examples, batch_size)) {
    const Batch batch = task.batch(split, some);
    const Tensor logits = model(batch.inputs, batch.mask, Pass::evaluation());
    score.loss_sum += cross_entropy(logits, batch.targets).item();
    score.correct += count_correct(logits, batch.targets);
    score.positions += counted_targets(batch.targets);
  }
  return score;
}

}  // namespace transformlet
