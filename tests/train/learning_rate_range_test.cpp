// The rates, the smoothing, the explosion and the rule of the learning-rate range test.
#include "train/learning_rate_range.h"

#include <gtest/gtest.h>

#include <cmath>

namespace transformlet {
namespace {

LearningRateRange range_of(const std::vector<double>& losses, double from = 1e-3, double to = 1.0, int64_t steps = 0) {
  LearningRateRange range(from, to, steps == 0 ? static_cast<int64_t>(losses.size()) : steps);
  for (const double loss : losses) {
    if (!range.is_over()) range.add(loss);
  }
  return range;
}

TEST(LearningRateRange, RatesGrowByTheSameFactor) {
  const LearningRateRange range = range_of({1, 1, 1, 1}, 1e-3, 1.0);
  ASSERT_EQ(range.points().size(), 4U);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(range.points()[i].rate / std::pow(10.0, double(i) - 3), 1, 1e-14);
  EXPECT_TRUE(range.is_over());
  EXPECT_FALSE(range.exploded());
}

TEST(LearningRateRange, SmoothsWithoutBias) {
  const LearningRateRange range = range_of({2, 4, 1, 5}, 1e-3, 1.0, 10);
  EXPECT_EQ(range.points()[0].smoothed, 2);
  EXPECT_NEAR(range.points()[1].smoothed, (0.9 * 2 + 4) / 1.9, 1e-15);
  EXPECT_NEAR(range.points()[3].smoothed, (0.729 * 2 + 0.81 * 4 + 0.9 * 1 + 5) / (0.729 + 0.81 + 0.9 + 1), 1e-15 * 4);
  EXPECT_EQ(range.points()[3].loss, 5);
}

// A step from one height to another, as a logistic curve in the number of steps, then an explosion. The smoothed loss
// follows it: late by the mean age of its weights, 0.9 / (1 - 0.9) = 9 steps at most.
TEST(LearningRateRange, SuggestsTheRateWhereTheLossFallsFastest) {
  for (const double middle : {30, 50}) {
    std::vector<double> losses;
    for (int i = 0; i < 100; ++i)
      losses.push_back(i < 80 ? 1 + 1 / (1 + std::exp((i - middle) / 3)) : std::exp(i - 80));
    const LearningRateRange range = range_of(losses, 1e-6, 10, 100);
    ASSERT_TRUE(range.suggestion());
    const double step = 99 * std::log(*range.suggestion() / 1e-6) / std::log(1e7);
    EXPECT_GE(step, middle - 1);
    EXPECT_LE(step, middle + 9);
    EXPECT_TRUE(range.exploded());
    EXPECT_LT(range.points().size(), 90U) << "it goes on after the loss has exploded";
  }
}

TEST(LearningRateRange, ExplodesAtFourTimesTheLowestOrWhereNothingIsFinite) {
  EXPECT_FALSE(range_of({1, 1, 1, 1, 4}).exploded());
  EXPECT_TRUE(range_of({1, 1, 1, 1, 40}).exploded());
  const LearningRateRange range = range_of({3, 2, 2.5, std::nan(""), 1}, 1e-3, 1.0, 10);
  EXPECT_TRUE(range.exploded());
  EXPECT_EQ(range.points().size(), 3U);
  EXPECT_TRUE(range_of({INFINITY}, 1, 2, 10).points().empty());
}

TEST(LearningRateRange, SuggestsNothingWhereNothingCanBeSeen) {
  std::vector<double> rising, falling, flat(30, 2.0), few(10);
  for (int i = 0; i < 30; ++i) {
    rising.push_back(1 + i);
    falling.push_back(100 - i * i / 10.0);  // ever faster
    flat[static_cast<size_t>(i)] -= 0.0001 * i;
  }
  for (size_t i = 0; i < few.size(); ++i) few[i] = 10.0 - double(i);
  EXPECT_FALSE(range_of(rising).suggestion());
  EXPECT_FALSE(range_of(falling).suggestion());
  EXPECT_FALSE(range_of(flat).suggestion());
  EXPECT_FALSE(range_of(few).suggestion());
  EXPECT_FALSE(range_of({INFINITY}, 1, 2, 10).suggestion());
}

}  // namespace
}  // namespace transformlet
