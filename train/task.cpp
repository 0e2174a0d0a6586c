#include "train/task.h"

#include <algorithm>

namespace transformlet {

const char* name_of(Split split) {
  return split == Split::train ? "train" : split == Split::validation ? "val" : "test";
}

Split split_of(RandomKey key, std::string_view text, double val_fraction, double test_fraction) {
  const double place = static_cast<double>((key / text).value() >> 11) * 0x1p-53;  // in [0, 1)
  return place < test_fraction ? Split::test : place < test_fraction + val_fraction ? Split::validation : Split::train;
}

Batch Batch::samples(int64_t begin, int64_t end) const {
  return {.inputs = inputs.samples(begin, end),
          .targets = targets.samples(begin, end),
          .mask = mask.samples(begin, end),
          .source = source.size() == 0 ? source : source.samples(begin, end),
          .source_mask = source_mask.samples(begin, end)};
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
