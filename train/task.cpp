#include "train/task.h"

#include <algorithm>
#include <cmath>

namespace transformlet {

const char* name_of(Split split) {
  return split == Split::train ? "train" : split == Split::validation ? "val" : "test";
}

Split split_of(RandomKey key, std::string_view text, double val_fraction, double test_fraction) {
  const double place = static_cast<double>((key / text).value() >> 11) * 0x1p-53;  // in [0, 1)
  return place < test_fraction ? Split::test : place < test_fraction + val_fraction ? Split::validation : Split::train;
}

namespace {

bool counts(double target) { return !std::isnan(target); }

// Made of primitives, so that it may be differentiated to any order.
Tensor sum_of_squared_errors(const Tensor& outputs, const Tensor& targets) {
  require(outputs.shape() == targets.shape(), "the model's outputs {} do not match the real targets {}", outputs,
          targets);
  const std::vector<double> values = targets.to_vector();
  if (std::all_of(values.begin(), values.end(), counts)) return sum(square(outputs - cast(targets, outputs.dtype())));
  std::vector<double> counted, known;  // what does not count must not be computed with: 0 times NaN is NaN
  for (const double value : values) {
    counted.push_back(counts(value) ? 1 : 0);
    known.push_back(counts(value) ? value : 0);
  }
  const Tensor errors = outputs - tensor(known, targets.shape(), outputs.dtype());
  return sum(square(where(tensor(counted, targets.shape(), outputs.dtype()), errors, zeros({}, outputs.dtype()))));
}

Tensor samples_of(const Tensor& x, int64_t begin, int64_t end) { return x.defined() ? slice(x, 0, begin, end) : x; }

}  // namespace

int64_t Batch::counted_targets() const {
  if (!real_targets.defined()) return transformlet::counted_targets(targets);
  const std::vector<double> values = real_targets.to_vector();
  return std::count_if(values.begin(), values.end(), counts);
}

Tensor Batch::loss(const Tensor& outputs) const {
  return real_targets.defined() ? sum_of_squared_errors(outputs, real_targets) : cross_entropy(outputs, targets);
}

Batch Batch::samples(int64_t begin, int64_t end) const {
  return {.inputs = values.defined() ? inputs : inputs.samples(begin, end),
          .targets = real_targets.defined() ? targets : targets.samples(begin, end),
          .mask = mask.samples(begin, end),
          .source = source.size() == 0 ? source : source.samples(begin, end),
          .source_mask = source_mask.samples(begin, end),
          .values = samples_of(values, begin, end),
          .real_targets = samples_of(real_targets, begin, end)};
}

std::vector<int64_t> DataOrder::order_of(int64_t epoch) const {
  const RandomKey key = RandomKey(seed_) / "order" / epoch;
  std::vector<int64_t> order = shuffled(key, size_);
  if (sampling_ != Sampling::epochs_by_length) return order;
  const int64_t batches = size_ / batch_size_, used = batches * batch_size_, pool = 64 * batch_size_;
  for (int64_t begin = 0; begin < used; begin += pool) {
    std::stable_sort(order.begin() + begin, order.begin() + std::min(begin + pool, used),
                     [&](int64_t a, int64_t b) { return length_(a) < length_(b); });
  }
  std::vector<int64_t> result;
  result.reserve(order.size());
  for (const int64_t batch : shuffled(key / "batches", batches)) {
    const auto first = order.begin() + batch * batch_size_;
    result.insert(result.end(), first, first + batch_size_);
  }
  return result;
}

std::vector<int64_t> DataOrder::examples(int64_t step) {
  if (sampling_ == Sampling::steps) {
    std::vector<int64_t> drawn(static_cast<size_t>(batch_size_));
    RandomStream stream(RandomKey(seed_) / "order" / step);
    for (int64_t& example : drawn) example = stream.below(size_);
    return drawn;
  }
  const int64_t steps_per_epoch = size_ / batch_size_;
  require(steps_per_epoch > 0, "a batch of {} is larger than the {} training examples", batch_size_, size_);
  if (step / steps_per_epoch != epoch_) {
    epoch_ = step / steps_per_epoch;
    order_ = order_of(epoch_);
  }
  const auto first = order_.begin() + step % steps_per_epoch * batch_size_;
  return {first, first + batch_size_};
}

}  // namespace transformlet
