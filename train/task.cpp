#include "train/task.h"

namespace transformlet {

const char* name_of(Split split) {
  return split == Split::train ? "train" : split == Split::validation ? "val" : "test";
}

std::vector<int64_t> DataOrder::examples(int64_t step) {
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
