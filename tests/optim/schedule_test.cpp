#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "tests/golden.h"

namespace transformlet {
namespace {

constexpr int64_t max_steps = 100, warmup_steps = 10;
constexpr double peak = 0.02, final_rate = 0.005;

double at(const ScheduleConfig& schedule, int64_t step) { return learning_rate(schedule, step, max_steps, peak); }

const LinearSchedule linear{.warmup_steps = warmup_steps, .final_learning_rate = final_rate};
const CosineSchedule cosine{.warmup_steps = warmup_steps, .final_learning_rate = final_rate};
const CosineSchedule cosine_after{
    .warmup_steps = warmup_steps, .final_learning_rate = final_rate, .cosine_after_warmup = true};
const InverseSquareRootSchedule inverse_square_root{.warmup_steps = warmup_steps};
const ConstantSchedule constant{.warmup_steps = warmup_steps};

// The tutorial's epoch is our t: step + 1.
TEST(Schedule, CosineIsTheTutorials) {
  const std::vector<GoldenCase> cases = load_golden("optimizers.json");
  const GoldenCase& golden = golden_case(cases, "cosine_warmup");
  const auto steps = static_cast<int64_t>(golden.settings.at("max_iters"));
  const CosineSchedule tutorial{.warmup_steps = static_cast<int64_t>(golden.settings.at("warmup"))};
  std::vector<double> rates = {0.0}, factors = {0.0};  // epoch 0, which has no update here
  for (int64_t step = 0; step < steps; ++step) {
    rates.push_back(learning_rate(tutorial, step, steps, golden.settings.at("learning_rate")));
    factors.push_back(learning_rate(tutorial, step, steps, 1.0));
  }
  EXPECT_LT(golden_error(golden.outputs.at("learning_rate"), rates), 1e-15);
  EXPECT_LT(golden_error(golden.outputs.at("factor"), factors), 1e-15);
}

// get_lr of nanoGPT's train.py, as it stands there.
double nano_gpt(int64_t iteration, int64_t warmup_iters, int64_t lr_decay_iters, double rate, double min_lr) {
  const auto it = static_cast<double>(iteration), w = static_cast<double>(warmup_iters),
             n = static_cast<double>(lr_decay_iters);
  if (it < w) return rate * (it + 1) / (w + 1);
  if (it > n) return min_lr;
  const double decay_ratio = (it - w) / (n - w);
  const double coefficient = 0.5 * (1.0 + std::cos(std::numbers::pi * decay_ratio));
  return min_lr + coefficient * (rate - min_lr);
}

TEST(Schedule, CosineAfterWarmupIsNanoGpts) {
  for (int64_t step = 0; step < max_steps; ++step) {
    EXPECT_NEAR(at(cosine_after, step), nano_gpt(step, warmup_steps - 1, max_steps - 1, peak, final_rate), 1e-16);
  }
}

TEST(Schedule, WarmupRisesLinearlyFromTheFirstStep) {
  for (const ScheduleConfig& schedule : {ScheduleConfig(constant), ScheduleConfig(linear), ScheduleConfig(cosine_after),
                                         ScheduleConfig(inverse_square_root)}) {
    for (int64_t step = 0; step < warmup_steps; ++step) {
      EXPECT_DOUBLE_EQ(at(schedule, step), peak * static_cast<double>(step + 1) / warmup_steps);
    }
    EXPECT_EQ(at(schedule, warmup_steps - 1), peak);
  }
}

TEST(Schedule, LastStepHasTheFinalRate) {
  EXPECT_EQ(at(constant, max_steps - 1), peak);
  EXPECT_EQ(at(linear, max_steps - 1), final_rate);
  EXPECT_EQ(at(cosine, max_steps - 1), final_rate);
  EXPECT_EQ(at(cosine_after, max_steps - 1), final_rate);
  EXPECT_DOUBLE_EQ(at(inverse_square_root, max_steps - 1), peak * std::sqrt(0.1));
}

TEST(Schedule, HalfWayIsTheMean) {
  const double mean = (peak + final_rate) / 2;
  EXPECT_DOUBLE_EQ(at(linear, 54), mean);                   // t = 55 lies half way from 10 to 100
  EXPECT_DOUBLE_EQ(at(cosine_after, 54), mean);             //
  EXPECT_DOUBLE_EQ(at(cosine, 49), mean);                   // t = 50 lies half way from 0 to 100
  EXPECT_DOUBLE_EQ(at(inverse_square_root, 39), peak / 2);  // t = 4 w
}

// No jump: neighbours differ by no more than the steepest slope, which is the warm-up's.
TEST(Schedule, IsContinuousAndFallsAfterTheWarmup) {
  for (const ScheduleConfig& schedule : {ScheduleConfig(constant), ScheduleConfig(linear), ScheduleConfig(cosine),
                                         ScheduleConfig(cosine_after), ScheduleConfig(inverse_square_root)}) {
    for (int64_t step = 1; step < max_steps; ++step) {
      const double change = at(schedule, step) - at(schedule, step - 1);
      EXPECT_LE(std::abs(change), peak / warmup_steps * (1 + 1e-12)) << step;
      if (step >= warmup_steps) {
        EXPECT_LE(change, 0.0) << step;
      }
    }
  }
}

TEST(Schedule, WithoutWarmup) {
  EXPECT_EQ(at(ConstantSchedule(), 0), peak);
  EXPECT_DOUBLE_EQ(at(LinearSchedule(), 0), peak * 0.99);
  EXPECT_DOUBLE_EQ(at(CosineSchedule(), 0), peak * (1 + std::cos(std::numbers::pi / 100)) / 2);
  EXPECT_EQ(at(CosineSchedule(), 0), at(CosineSchedule{.cosine_after_warmup = true}, 0));
  EXPECT_EQ(at(InverseSquareRootSchedule(), 0), peak);
}

// A run cut short, for a quick try, stays in its warm-up.
TEST(Schedule, WarmupMayBeLongerThanTheRun) {
  const auto rate = [](const ScheduleConfig& schedule, int64_t step) { return learning_rate(schedule, step, 4, peak); };
  for (const ScheduleConfig& schedule : {ScheduleConfig(constant), ScheduleConfig(linear), ScheduleConfig(cosine_after),
                                         ScheduleConfig(inverse_square_root)}) {
    EXPECT_DOUBLE_EQ(rate(schedule, 3), peak * 0.4);
  }
  EXPECT_DOUBLE_EQ(rate(cosine, 3), final_rate * 0.4);
}

TEST(Schedule, StepsOutsideTheRunAreErrors) {
  const auto error = [](int64_t step) -> std::string {
    try {
      at(constant, step);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error(-1), "learning_rate: step -1 is not one of 0 ... 99");
  EXPECT_EQ(error(100), "learning_rate: step 100 is not one of 0 ... 99");
}

}  // namespace
}  // namespace transformlet
