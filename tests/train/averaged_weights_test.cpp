// The average of the weights against its closed form, and what borrows it.
#include "train/averaged_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

struct Weights {
  explicit Weights(double start = 2.0, DType dtype = DType::float64) {
    Scope(parameters, 1, dtype).parameter("w", {2, 3}, constant(start));
    w = parameters.tensors()[0];
  }
  void set(double value) { std::fill_n(overwrite<double>(w), w.size(), value); }

  Parameters parameters;
  Tensor w;
};

double first_of(const AveragedWeights& averages) { return averages.tensors().at(0).value.to_vector().at(0); }

// With weights x_t = t, unrolled: the sum of (1 - b_t) b_(t+1) ... b_n x_t, and what is left of the initial weights.
TEST(AveragedWeights, AreTheWeightedSumOfAllWeights) {
  Weights weights;
  const double decay = 0.7;  // reached at t = 20: both pieces of the formula take part
  AveragedWeights averages(weights.parameters, decay);
  const auto b = [&](int64_t t) { return std::min(decay, (1.0 + double(t)) / (10.0 + double(t))); };
  for (int64_t n = 1; n <= 40; ++n) {
    weights.set(static_cast<double>(n));
    averages.update(n);
    double expected = 0, kept = 1;
    for (int64_t t = n; t >= 1; --t) {
      expected += kept * (1 - b(t)) * static_cast<double>(t);
      kept *= b(t);
    }
    expected += kept * 2.0;
    EXPECT_NEAR(first_of(averages), expected, 1e-12 * expected) << n;  // 40 roundings of either sum
  }
}

// Weights that do not change are their own average, from the first step on.
TEST(AveragedWeights, OfTheSameAreTheSame) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    Weights weights(0.1, dtype);
    AveragedWeights averages(weights.parameters, 0.9999);
    for (int64_t t = 1; t <= 1000; ++t) averages.update(t);
    EXPECT_EQ(first_of(averages), weights.w.to_vector()[0]);
  }
}

TEST(AveragedWeights, TakeThePlaceOfTheWeightsForAWhile) {
  Weights weights(1.0);
  AveragedWeights averages(weights.parameters, 0.5);
  weights.set(5.0);
  averages.update(1);
  const double average = first_of(averages);
  EXPECT_NEAR(average, 1.0 * 2 / 11 + 5.0 * 9 / 11, 1e-15 * 5);
  {
    const AveragedWeights::InPlace in_place(&averages);
    EXPECT_EQ(weights.w.to_vector(), std::vector<double>(6, average));
  }
  EXPECT_EQ(weights.w.to_vector(), std::vector<double>(6, 5.0));
  EXPECT_EQ(first_of(averages), average);
  const AveragedWeights::InPlace nothing(nullptr);
  EXPECT_EQ(weights.w.to_vector(), std::vector<double>(6, 5.0));
}

// After an error, too.
TEST(AveragedWeights, GiveTheWeightsBackWhenAnEvaluationFails) {
  Weights weights(1.0);
  AveragedWeights averages(weights.parameters, 0.5);
  weights.set(5.0);
  EXPECT_EQ(error_of([&] {
              const AveragedWeights::InPlace in_place(&averages);
              fail("diverged");
            }),
            "diverged");
  EXPECT_EQ(weights.w.to_vector(), std::vector<double>(6, 5.0));
}

TEST(AveragedWeights, RestoreSaysWhatDoesNotFit) {
  Weights weights(1.0);
  AveragedWeights averages(weights.parameters, 0.5);
  averages.restore({{"w", full({2, 3}, 7.0, DType::float64)}});
  EXPECT_EQ(first_of(averages), 7.0);
  EXPECT_EQ(error_of([&] {
              averages.restore({{"v", full({2, 3}, 8.0, DType::float64)}});
            }),
            "the stored tensors do not fit: missing: w (2, 3) float64; unexpected: v (2, 3) float64");
  EXPECT_EQ(first_of(averages), 7.0);
}

}  // namespace
}  // namespace transformlet
