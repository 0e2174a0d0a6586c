// The bits that an optimiser gives depend neither on threads, nor on the size of a parameter, nor on a restore.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>

#include "base/random.h"
#include "optim/config.h"

namespace transformlet {
namespace {

std::vector<OptimizerConfig> every_kind() {
  SgdConfig plain, momentum;
  plain.weight_decay = 0.1;
  momentum.momentum = 0.9;
  momentum.dampening = 0.25;
  AdamConfig adam;
  adam.weight_decay = 0.1;
  LionConfig lion;
  lion.weight_decay = 0.1;
  MuonConfig muon;
  muon.weight_decay = 0.1;
  return {plain, momentum, adam, AdamWConfig(), lion, muon};
}

Tensor random_tensor(const Shape& shape, DType dtype, RandomKey key) {
  RandomStream stream(key);
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (double& value : values) value = stream.uniform() - 0.5;
  return tensor(values, shape, dtype);
}

// Two parameters, the first of which decays and is hidden.
struct Trained {
  Trained(const OptimizerConfig& config, DType dtype, int64_t rows) : dtype(dtype), shapes({{rows, 163}, {7}}) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      const auto number = static_cast<int64_t>(i);
      values.push_back(leaf(random_tensor(shapes[i], dtype, RandomKey(1) / number), fmt::format("p{}", i)));
    }
    optimizer = make_optimizer(config, {{values[0], true, true}, {values[1], false}});
  }

  void steps(int64_t first, int64_t last) {
    for (int64_t step = first; step < last; ++step) {
      TensorList gradients;
      for (size_t i = 0; i < shapes.size(); ++i)
        gradients.push_back(random_tensor(shapes[i], dtype, RandomKey(2) / step / static_cast<int64_t>(i)));
      optimizer->step(gradients, 0.01 + 0.001 * static_cast<double>(step), 0.7);
    }
  }

  // Parameters and state. A float is exact as a double, so equal vectors are equal bits.
  std::vector<std::vector<double>> everything() const {
    std::vector<std::vector<double>> all;
    for (const Tensor& value : values) all.push_back(value.to_vector());
    for (const NamedState& entry : optimizer->state()) all.push_back(entry.value.to_vector());
    return all;
  }

  DType dtype;
  std::vector<Shape> shapes;
  TensorList values;
  std::unique_ptr<Optimizer> optimizer;
};

TEST(Optimizer, OneThreadGivesTheBitsOfTwo) {
  const int before = omp_get_max_threads();
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const OptimizerConfig& config : every_kind()) {
      std::vector<std::vector<std::vector<double>>> results;
      for (const int threads : {1, 2, 3}) {
        omp_set_num_threads(threads);
        Trained run(config, dtype, 211);  // long enough to be cut into pieces
        run.steps(0, 4);
        results.push_back(run.everything());
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
    }
  }
  omp_set_num_threads(before);
}

TEST(Optimizer, RestoredStateGoesOnWithTheSameBits) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const OptimizerConfig& config : every_kind()) {
      for (const int64_t stop : {0, 1, 3}) {
        Trained whole(config, dtype, 3), first(config, dtype, 3), second(config, dtype, 3);
        whole.steps(0, 6);
        first.steps(0, stop);
        second.steps(0, 2);  // what it was before must not show
        std::vector<NamedState> saved;
        for (const NamedState& entry : first.optimizer->state()) saved.push_back({entry.name, copy(entry.value)});
        std::reverse(saved.begin(), saved.end());
        for (size_t i = 0; i < second.values.size(); ++i) {
          const std::vector<double> values = first.values[i].to_vector();
          with_dtype(dtype,
                     [&]<class T>() { std::copy(values.begin(), values.end(), overwrite<T>(second.values[i])); });
        }
        second.optimizer->restore(first.optimizer->step_count(), saved);
        EXPECT_EQ(second.optimizer->step_count(), stop);
        second.steps(stop, 6);
        EXPECT_EQ(whole.everything(), second.everything());
      }
    }
  }
}

// A long parameter is updated in pieces: every element as if it were alone.
TEST(Optimizer, EveryElementOfALongParameterIsUpdated) {
  for (const OptimizerConfig& config : every_kind()) {
    const Tensor one = leaf(full({1}, 0.3, DType::float64), "one");
    const Tensor many = leaf(full({50'001}, 0.3, DType::float64), "many");
    const auto optimizer = make_optimizer(config, {{one, true}, {many, true}});
    for (const double gradient : {0.2, -0.7})
      optimizer->step({full({1}, gradient, DType::float64), full({50'001}, gradient, DType::float64)}, 0.1);
    EXPECT_NE(one.item(), 0.3);
    const std::vector<double> values = many.to_vector();
    const auto [smallest, largest] = std::ranges::minmax(values);
    EXPECT_DOUBLE_EQ(smallest, one.item());
    EXPECT_DOUBLE_EQ(largest, one.item());
  }
}

}  // namespace
}  // namespace transformlet
