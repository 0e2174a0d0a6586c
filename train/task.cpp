#include "train/task.h"

namespace transformlet {

const char* name_of(Split split) {
  return split == Split::train ? "train" : split == Split::validation ? "val" : "test";
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
    order_ = shuffled(RandomKey(seed_) / "order" / epoch_, size_);
  }
  const auto first = order_.begin() + step % steps_per_epoch * batch_size_;
  return {first, first + batch_size_};
}

}  // namespace transformlet
