// The edge of stability of each optimiser, found by stepping on quadratics; and Adam's preconditioner, by its own
// steps.
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops.h"
#include "optim/config.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// |x| after so many steps on c x^2 / 2 from x = start.
double after_steps(const OptimizerConfig& config, double curvature, double rate, int steps, double start) {
  const Tensor x = leaf(full({1}, start, DType::float64), "x");
  const auto optimizer = make_optimizer(config, {{x, false}});
  for (int i = 0; i < steps; ++i) optimizer->step({detach(x * curvature)}, rate);
  return std::abs(x.item());
}

double limit(const OptimizerConfig& config, double rate) {
  return *make_optimizer(config, {{leaf(zeros({1}, DType::float64), "x"), false}})->largest_stable_curvature(rate);
}

TEST(LargestStableCurvature, OfGradientDescentIsWhereStepsBeginToGrow) {
  for (const auto& [momentum, dampening, nesterov] :
       {std::tuple(0.0, 0.0, false), {0.9, 0.0, false}, {0.9, 0.0, true}, {0.8, 0.5, false}}) {
    SgdConfig config;
    config.momentum = momentum;
    config.dampening = dampening;
    config.nesterov = nesterov;
    const double edge = limit(config, 0.3);
    EXPECT_LT(after_steps(config, 0.99 * edge, 0.3, 1000, 1), 1e-3) << momentum << dampening << nesterov;
    EXPECT_GT(after_steps(config, 1.01 * edge, 0.3, 1000, 1), 1e3) << momentum << dampening << nesterov;
  }
}

// Gradients so small that epsilon alone is the preconditioner, once the first moment's bias is gone: of the first
// steps, with a smaller one, all grow.
TEST(LargestStableCurvature, OfAdamIsThatOfThePreconditionedHessian) {
  AdamConfig config;
  config.epsilon = 0.25;
  EXPECT_NEAR(limit(config, 0.1), 380, 1e-10);
  const auto growth = [&](double curvature) {
    return after_steps(config, curvature, 0.1, 500, 1e-100) / after_steps(config, curvature, 0.1, 200, 1e-100);
  };
  const double edge = config.epsilon * limit(config, 0.1);
  EXPECT_LT(growth(0.99 * edge), 1e-3);
  EXPECT_GT(growth(1.01 * edge), 1e3);
}

TEST(LargestStableCurvature, IsNotKnownOfOthers) {
  const Tensor x = leaf(zeros({1}, DType::float64), "x");
  EXPECT_FALSE(make_optimizer(LionConfig(), {{x, false}})->largest_stable_curvature(0.1));
  EXPECT_FALSE(make_optimizer(MuonConfig(), {{x, false}})->largest_stable_curvature(0.1));
}

TEST(Preconditioner, IsWhatAdamDividesBy) {
  AdamWConfig config;
  config.weight_decay = 0;
  config.epsilon = 0.1;
  config.betas = {0.8, 0.95};
  const Tensor x = leaf(random_tensor("x", {7}), "x"), y = leaf(random_tensor("y", {2, 3}), "y");
  const auto adam = make_optimizer(config, {{x, false}, {y, false}});
  EXPECT_TRUE(adam->preconditioner().empty());
  for (int64_t step = 1; step <= 3; ++step) {
    const TensorList before = {copy(x), copy(y)};
    adam->step({random_tensor("dx" + std::to_string(step), {7}), random_tensor("dy" + std::to_string(step), {2, 3})},
               0.3);
    const TensorList p = adam->preconditioner();
    ASSERT_EQ(p.size(), 2u);
    const std::vector<NamedState> state = adam->state();  // two for each: first_moment, second_moment
    EXPECT_LT(relative_distance(detach(x), before[0] - 0.3 * (state[0].value / p[0])), 1e-14) << step;
    EXPECT_LT(relative_distance(detach(y), before[1] - 0.3 * (state[2].value / p[1])), 1e-14) << step;
  }
  EXPECT_TRUE(make_optimizer(SgdConfig(), {{x, false}})->preconditioner().empty());
}

}  // namespace
}  // namespace transformlet
