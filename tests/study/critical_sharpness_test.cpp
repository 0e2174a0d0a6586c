// The probe of curvature along the step, on a quadratic.
#include <gtest/gtest.h>

#include "tests/study/probe_from_keys.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// 1/2 x' A x at a point, and a step along d.
class Quadratic : public testing::TestWithParam<DType> {
 protected:
  Quadratic() { Scope(parameters, 1, GetParam()).parameter("x", {3}, normal(1.0)); }

  Tensor loss() const {
    const Tensor x = reshape(parameters.tensors()[0], {1, 3});
    return sum(matmul(x, matrix) * x) / 2;
  }
  Tensor gradient() const { return grad(loss(), parameters.tensors())[0]; }
  std::map<std::string, double> measure(const Tensor& update, double rate) const {
    return measured_with("critical_sharpness", "",
                         {.step = 0,
                          .model = model,
                          .parameters = parameters,
                          .examples = examples,
                          .loss_parts = {[this] { return sum(parameters.tensors()[0]); },
                                         [this] { return loss() - sum(parameters.tensors()[0]); }},
                          .gradients = [this] { return TensorList{gradient()}; },
                          .learning_rate = rate,
                          .next_update = [&] { return TensorList{update}; }});
  }
  // d' A d
  double curvature(const Tensor& d) const {
    const Tensor row = reshape(d, {1, 3});
    return sum(matmul(row, matrix) * row).item();
  }

  const Tensor matrix = tensor({4, 1, 0, 1, 3, -1, 0, -1, 2}, {3, 3}, GetParam());
  Unasked model;
  Parameters parameters;
  ModelInputs examples;
};

INSTANTIATE_TEST_SUITE_P(DTypes, Quadratic, testing::Values(DType::float32, DType::float64),
                         [](const auto& info) { return name_of(info.param); });

// Bisection ends between two rates at a ratio of 1.01 and tells the middle. The loss falls and rises by about 1, so
// that float32's rounding does not count.
TEST_P(Quadratic, HasItsCurvatureAlongTheStepAsCriticalSharpness) {
  const Tensor g = gradient(), before = copy(parameters.tensors()[0]);
  const double along_gradient = curvature(g) / inner_product({g}, {g});
  for (const double rate : {1e-5, 0.1, 1000.0}) {
    auto values = measure(-g, rate);
    EXPECT_NEAR(values["sharpness"] / along_gradient, 1, 0.0051) << rate;
    EXPECT_NEAR(values["critical_rate"] * values["sharpness"], 2, 1e-14);
    EXPECT_NEAR(values["rate_ratio"], rate / values["critical_rate"], 1e-12 * values["rate_ratio"]);
  }
  const Tensor d = g + random_tensor("d", {3}, GetParam());
  ASSERT_GT(inner_product({g}, {d}), 0);
  EXPECT_NEAR(measure(-d, 0.1)["sharpness"] / (curvature(d) / inner_product({g}, {d})), 1, 0.0051);
  EXPECT_TRUE(same_bits(parameters.tensors()[0], before));
}

// In float32, too, where the smallest moves are lost and seem to raise nothing.
TEST_P(Quadratic, HasNoneUphill) {
  EXPECT_TRUE(measure(gradient(), 0.1).empty());
  EXPECT_TRUE(measure(zeros({3}, GetParam()), 0.1).empty());
}

}  // namespace
}  // namespace transformlet
