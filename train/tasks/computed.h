// Tasks whose examples are computed when they are asked for, each a function of the seed, the split and its place.
#pragma once

#include <vector>

#include "base/random.h"
#include "train/tasks/strings.h"

namespace transformlet {

class ComputedTask : public Task {
 public:
  void prepare(uint64_t seed) override { key_ = RandomKey(seed) / "data"; }
  double data_bytes() const override { return 0; }
  int64_t size(Split split) const override {
    return split == Split::train ? train_size : split == Split::validation ? val_size : test_size;
  }
  Batch batch(Split split, const std::vector<int64_t>& examples) const override;

 protected:
  struct Example {
    std::vector<int32_t> inputs, targets;  // of equal length
  };
  // The example of a split, all random numbers from the key. Those that other splits hold must not come out.
  virtual Example example(Split split, RandomKey key) const = 0;
  virtual Mask mask() const { return Mask::causal(); }

  void describe_sizes(Fields& field);

  int64_t train_size = 10000, val_size = 1000, test_size = 1000;

 private:
  RandomKey key_{0};
};

// Calls draw(stream) until what it gives falls into the split, by split_of. An Error if there seems to be nothing.
template <class Draw>
std::vector<int32_t> draw_in_split(Split split, RandomKey key, const Draw& draw) {
  RandomStream stream(key);
  for (int attempt = 0; attempt < 10000; ++attempt) {
    std::vector<int32_t> drawn = draw(stream);
    if (split_of(drawn) == split) return drawn;
  }
  throw UsageError(
      fmt::format("task: there are too few different examples for a {} split; a larger task helps", name_of(split)));
}

}  // namespace transformlet
