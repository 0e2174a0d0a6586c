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

Score evaluate(const Model& model, const Task& task, Split split, int64_t batch_size) {
  const NoRecording off;
  Score score;
  const int64_t size = task.evaluation_size(split);
  for (int64_t begin = 0; begin < size; begin += batch_size) {
    std::vector<int64_t> examples(static_cast<size_t>(std::min(batch_size, size - begin)));
    std::iota(examples.begin(), examples.end(), begin);
    const Batch batch = task.evaluation_batch(split, examples);
    const Tensor logits = model(batch.inputs, batch.mask, Pass::evaluation());
    score.loss_sum += cross_entropy(logits, batch.targets).item();
    score.correct += count_correct(logits, batch.targets);
    score.positions += counted_targets(batch.targets);
    score.bytes += batch.target_bytes;
  }
  return score;
}

}  // namespace transformlet
