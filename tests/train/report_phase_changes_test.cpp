// Changes of phase: found where curves have them, on known steps, and not found where curves learn steadily, or are
// noise.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "train/report/phase_changes.h"

namespace transformlet {
namespace {

// A value every 10 steps.
template <class Value>
Series series_of(const std::string& name, int points, const Value& value) {
  Series series{.name = name};
  for (int i = 0; i < points; ++i) series.add(10 * i, value(i));
  return series;
}

TEST(PhaseChanges, AStepIsFoundWhereItIs) {
  for (const int points : {30, 100, 1000}) {
    const auto changes =
        phase_changes(series_of("val/loss", points, [&](int i) { return i < points / 2 ? 2.0 : 1.0; }));
    ASSERT_EQ(changes.size(), 1u) << points;
    EXPECT_EQ(changes[0].step, 10 * (points / 2));
    EXPECT_EQ(changes[0].until, changes[0].step);
    EXPECT_FLOAT_EQ(changes[0].before, 2);
    EXPECT_FLOAT_EQ(changes[0].after, 1);
    EXPECT_EQ(changes[0].plateau, 0);
  }
}

// 1 / (1 + exp(-x / s)) is a tenth of the way up at x = -s log 9, and as near to the top at s log 9.
TEST(PhaseChanges, ASlowChangeBeginsAtATenthOfTheWay) {
  const auto changes =
      phase_changes(series_of("val/accuracy", 400, [](int i) { return 1 / (1 + std::exp((200.0 - i) / 10)); }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_LT(changes[0].before, changes[0].after);
  // The levels are measured beside the change, where a hundredth of it is still to come: so 3 points.
  EXPECT_NEAR(static_cast<double>(changes[0].step), 10 * (200 - 10 * std::log(9)), 30);
  EXPECT_NEAR(static_cast<double>(changes[0].until), 10 * (200 + 10 * std::log(9)), 30);
  EXPECT_EQ(changes[0].plateau, 0);
}

TEST(PhaseChanges, StairsHaveAChangeForEachStep) {
  const auto changes = phase_changes(series_of("x", 400, [](int i) { return static_cast<double>(i / 100); }));
  ASSERT_EQ(changes.size(), 3u);
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(changes[k].step, 1000 * static_cast<int64_t>(k + 1));
    EXPECT_EQ(changes[k].plateau, 1000 * static_cast<int64_t>(k));
  }
}

TEST(PhaseChanges, AJumpIsFoundInADecliningNoisyLoss) {
  RandomStream stream(RandomKey(1));
  const auto changes = phase_changes(series_of("train/loss", 600, [&](int i) {
    return 3 / std::pow(i + 1, 0.2) * (i < 400 ? 1 : 0.5) * std::exp(0.05 * stream.normal());
  }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_NEAR(static_cast<double>(changes[0].step), 4000, 20);  // medians of 3 neighbours
  EXPECT_NEAR(changes[0].after / changes[0].before, 0.5, 0.05);
}

TEST(PhaseChanges, ALongSeriesIsExactToAThousandth) {
  const auto changes = phase_changes(series_of("loss", 50000, [](int i) { return i < 31234 ? 2.0 : 1.0; }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_NEAR(static_cast<double>(changes[0].step), 312340, 500000.0 / 1024);
}

TEST(PhaseChanges, SteadyLearningHasNone) {
  for (const int points : {30, 100, 300, 3000}) {
    const auto expect_none = [&](const char* what, const char* name, const auto& value) {
      const Series series = series_of(name, points, value);
      EXPECT_TRUE(phase_changes(series).empty()) << what << ", " << points << " points";
    };
    const double n = points;
    expect_none("a power law", "loss", [](int i) { return 3 / std::sqrt(i + 1); });
    expect_none("a power law as it is", "x", [](int i) { return 3 / std::sqrt(i + 1); });
    expect_none("a flat power law", "loss", [](int i) { return 3 / std::pow(i + 1, 0.1); });
    expect_none("1 / i, and a floor", "loss", [](int i) { return 3 / (i + 1.0) + 0.1; });
    expect_none("exponential", "loss", [&](int i) { return std::exp(-5 * i / n); });
    expect_none("exponential as it is", "x", [&](int i) { return std::exp(-30 * i / n); });
    expect_none("saturating", "val/accuracy", [&](int i) { return 1 - 1 / (1 + 20 * i / n); });
    expect_none("a line", "x", [](int i) { return i; });
    expect_none("a cosine", "x", [&](int i) { return std::cos(3.14159 * i / n); });
    expect_none("a constant", "x", [](int) { return 0.25; });
    expect_none("zeros", "x", [](int) { return 0.0; });
  }
}

TEST(PhaseChanges, WhiteNoiseHasNone) {
  for (const int points : {30, 100, 1000}) {
    for (int seed = 0; seed < 100; ++seed) {
      RandomStream stream(RandomKey(2) / points / seed);
      EXPECT_TRUE(phase_changes(series_of("x", points, [&](int) { return stream.normal(); })).empty())
          << points << " points, seed " << seed;
    }
  }
}

// What wanders has places that look like steps. In 10,000 random walks 2 to 3 of 100 had a change; that 200 of them
// have more than 15 has a probability below 1e-3 at 3 %.
TEST(PhaseChanges, RandomWalksSeldomHaveOne) {
  int found = 0;
  for (int seed = 0; seed < 200; ++seed) {
    RandomStream stream(RandomKey(3) / seed);
    double x = 0;
    found += !phase_changes(series_of("x", 300, [&](int) { return x += stream.normal(); })).empty();
  }
  EXPECT_LE(found, 15);
}

TEST(PhaseChanges, WhatIsNotFiniteIsLeftOut) {
  const auto changes = phase_changes(series_of("x", 200, [](int i) {
    return i % 10 == 3 ? NAN : i < 100 ? 0.0 : 1.0;
  }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].step, 1000);
  EXPECT_TRUE(phase_changes(series_of("x", 200, [](int) { return NAN; })).empty());
}

TEST(PhaseChanges, TheFirstIsNamedAndByHowMuch) {
  const auto step_at = [](const char* name, int place) {
    return series_of(name, 300, [=](int i) { return 1 / (1 + std::exp((place - i) / 5.0)); });
  };
  const std::vector<Series> metrics = {step_at("val/accuracy", 155), step_at("late", 260), step_at("attention", 150),
                                       step_at("optim/lr", 140), step_at("perf/step_ms", 140)};
  const auto together = changes_together(metrics);
  ASSERT_EQ(together.size(), 2u);
  EXPECT_EQ(together[0].first.metric, "attention");
  ASSERT_EQ(together[0].followers.size(), 1u);
  EXPECT_EQ(together[0].followers[0].metric, "val/accuracy");
  EXPECT_EQ(together[0].followers[0].step - together[0].first.step, 50);
  EXPECT_EQ(together[1].first.metric, "late");
}

}  // namespace
}  // namespace transformlet
