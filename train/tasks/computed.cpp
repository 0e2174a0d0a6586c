#include "train/tasks/computed.h"

namespace transformlet {

void ComputedTask::describe_sizes(Fields& field) {
  field("train_size", train_size, "training examples", between(1, 100000000));
  field("val_size", val_size, "validation examples", between(0, 100000000));
  field("test_size", test_size, "test examples, which are in no other split", between(0, 100000000));
}

Batch ComputedTask::batch(Split split, const std::vector<int64_t>& examples) const {
  std::vector<int32_t> inputs, targets;
  for (const int64_t place : examples) {
    const Example one = example(split, key_ / name_of(split) / place);
    inputs.insert(inputs.end(), one.inputs.begin(), one.inputs.end());
    targets.insert(targets.end(), one.targets.begin(), one.targets.end());
  }
  const auto count = static_cast<int64_t>(examples.size());
  const Shape shape{count, count == 0 ? 0 : static_cast<int64_t>(inputs.size()) / count};
  return {.inputs = Tokens(std::move(inputs), shape), .targets = Tokens(std::move(targets), shape), .mask = mask()};
}

}  // namespace transformlet
