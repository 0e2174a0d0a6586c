// Gradients of gradients.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

const GradOptions again = {.differentiable = true};

// sin-like functions have easy towers of derivatives: here tanh, whose first three are polynomials in itself.
TEST(EngineOrder, ThirdDerivativeOfTanh) {
  const Tensor x = leaf(tensor({-1.5, 0.25, 0.75}, {3}, DType::float64));
  const Tensor first = grad(sum(tanh(x)), {x}, again)[0];
  const Tensor second = grad(sum(first), {x}, again)[0];
  const Tensor third = grad(sum(second), {x}, again)[0];
  for (size_t i = 0; i < 3; ++i) {
    const double t = std::tanh(x.to_vector()[i]), s = 1 - t * t;
    // 1e-14: a dozen operations on numbers of size 1.
    EXPECT_NEAR(first.to_vector()[i], s, 1e-14);
    EXPECT_NEAR(second.to_vector()[i], -2 * t * s, 1e-14);
    EXPECT_NEAR(third.to_vector()[i], (6 * t * t - 2) * s, 1e-14);
  }
}

// The fused GELU goes through its reference: x Phi(x), phi(x) (2 - x^2), phi(x) (x^3 - 4 x).
TEST(EngineOrder, ThirdDerivativeOfAFusedOp) {
  const HigherOrder guard;
  const Tensor x = leaf(tensor({-1.5, 0.25, 0.75}, {3}, DType::float64));
  const Tensor first = grad(sum(gelu(x)), {x}, again)[0];
  const Tensor second = grad(sum(first), {x}, again)[0];
  const Tensor third = grad(sum(second), {x})[0];
  for (size_t i = 0; i < 3; ++i) {
    const double v = x.to_vector()[i], phi = std::exp(-v * v / 2) / std::sqrt(2 * M_PI);
    EXPECT_NEAR(second.to_vector()[i], phi * (2 - v * v), 1e-14);
    EXPECT_NEAR(third.to_vector()[i], phi * (v * v * v - 4 * v), 1e-14);
  }
}

TEST(EngineOrder, WithoutHigherOrderAFusedOpSaysSo) {
  const Tensor x = random_leaf("x", {2, 3});
  const Tensor y = sum(square(softmax(x)));
  EXPECT_EQ(error_text([&] { grad(y, {x}, again); }),
            "grad: a differentiable gradient through softmax needs its inputs; open a HigherOrder guard before the "
            "forward pass");
  EXPECT_EQ(error_text([&] { grad(y, {x}); }), "no error");
}

TEST(EngineOrder, ADifferentiableGradientKeepsTheGraph) {
  const Tensor x = random_leaf("x", {3});
  const Tensor y = sum(exp(x));
  const Tensor first = grad(y, {x}, again)[0], twice = grad(y, {x}, again)[0];
  EXPECT_TRUE(same_bits(first, twice));
  EXPECT_TRUE(first.requires_grad());
}

TEST(EngineOrder, TheSeedMayBeDifferentiatedToo) {
  // A Jacobian-vector product by transposing twice: d<J^T u, v>/du = J v.
  const Tensor x = random_leaf("x", {4}), u = leaf(zeros({4}, DType::float64)), v = random_tensor("v", {4});
  const HigherOrder guard;
  const Tensor product = grad(softmax(x), {x}, {.seeds = {u}, .differentiable = true})[0];
  const Tensor jvp = grad(sum(product * v), {u})[0];
  const std::vector<double> p = softmax(x).to_vector(), tangent = v.to_vector();
  double mean = 0;
  for (size_t i = 0; i < 4; ++i) mean += p[i] * tangent[i];
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(jvp.to_vector()[i], p[i] * (tangent[i] - mean), 1e-15);
}

// q = k = v, and k a function of q: every place counts once, at first and at second order.
TEST(EngineOrder, InputsOfAFusedOpMayDependOnEachOther) {
  const HigherOrder guard;
  const auto same = [](const Tensor& x) { return scaled_dot_product_attention(x, x, tanh(x)); };
  const auto apart = [](const Tensor& x) {
    return matmul(softmax(matmul(x, x, false, true) / std::sqrt(3.0)), tanh(x));
  };
  const Tensor x = random_leaf("x", {4, 3}), u = random_tensor("u", {4, 3});
  const auto derivatives = [&](const auto& function) {
    const Tensor first = grad(sum(function(x) * u), {x}, again)[0];
    return TensorList{first, grad(sum(first * u), {x})[0]};
  };
  EXPECT_LT(relative_distance(derivatives(apart), derivatives(same)), 1e-13);  // short sums in another order
}

}  // namespace
}  // namespace transformlet
