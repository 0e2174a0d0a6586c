// Initial weights: the variances and bounds of the papers, and what they are for.
#include <gtest/gtest.h>

#include "layers/attention.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

constexpr int64_t fan_in = 300, fan_out = 500;

struct Setting {
  const char* name;
  Initializer initializer;
  double variance;
  bool uniform;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class InitializerTest : public testing::TestWithParam<Setting> {};

TEST_P(InitializerTest, HasTheVarianceOfThePaper) {
  const auto& [name, initializer, variance, uniform] = GetParam();
  Parameters parameters;
  const Tensor weight = Scope(parameters, 1, DType::float64).parameter("weight", {fan_out, fan_in}, initializer);
  const double n = static_cast<double>(weight.size());
  double mean = 0, square = 0, largest = 0;
  for (const double value : weight.to_vector()) {
    mean += value / n;
    square += value * value / n;
    largest = std::max(largest, std::abs(value));
  }
  // Five standard errors: of the mean sqrt(variance / n), of the variance sqrt((kurtosis - 1) / n), with kurtosis 9/5
  // (uniform) or 3 (normal).
  EXPECT_NEAR(mean, 0, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(square / variance, 1, 5 * std::sqrt((uniform ? 0.8 : 2.0) / n));
  const double bound = std::sqrt(3 * variance);
  if (uniform) {
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, bound * (1 - 20 / n));  // that all of n miss the outer 20 / n has probability e^-20
  } else {
    EXPECT_GT(largest, bound);
  }
}

INSTANTIATE_TEST_SUITE_P(Papers, InitializerTest,
                         testing::Values(Setting{"xavier_uniform", xavier_uniform(), 2.0 / (fan_in + fan_out), true},
                                         Setting{"xavier_normal", xavier_normal(), 2.0 / (fan_in + fan_out), false},
                                         Setting{"xavier_gain", xavier_uniform(2), 8.0 / (fan_in + fan_out), true},
                                         Setting{"kaiming_uniform", kaiming_uniform(), 2.0 / fan_in, true},
                                         Setting{"kaiming_normal", kaiming_normal(), 2.0 / fan_in, false},
                                         Setting{"kaiming_linear", kaiming_normal(1), 1.0 / fan_in, false},
                                         Setting{"uniform", uniform(0.3), 0.03, true},
                                         Setting{"normal", normal(0.3), 0.09, false}),
                         [](const auto& info) { return info.param.name; });

// Together: one matrix (3 d, d), bound sqrt(6 / 4d). Apart: three of (d, d), bound sqrt(6 / 2d).
TEST(PackedProjection, InPartsIsWiderThanTogetherByTheSquareRootOfTwo) {
  const auto largest = [](const Initializer& initializer) {
    Parameters parameters;
    const MultiheadAttention attention(Scope(parameters, 1, DType::float64),
                                       {.d_model = 64, .num_heads = 4, .qkv_initializer = initializer});
    return max(reshape(maximum(attention.qkv.weight, -attention.qkv.weight), {3 * 64 * 64}), 0).item();
  };
  // 12,288 draws: that all of them miss the outermost thousandth has probability e^-12.
  EXPECT_NEAR(largest(xavier_uniform()), std::sqrt(6.0 / 256), 1e-3 * std::sqrt(6.0 / 256));
  EXPECT_NEAR(largest(xavier_uniform().in_parts(3)), std::sqrt(6.0 / 128), 1e-3 * std::sqrt(6.0 / 128));
}

// Twenty linear layers of one width. A layer of width n multiplies the mean square by 1, with a relative deviation of
// about sqrt(2 / n) from draw to draw.
TEST(Xavier, KeepsTheVarianceThroughADeepLinearStack) {
  constexpr int64_t width = 256, depth = 20;
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float64);
  const Tensor x = random_leaf("x", {64, width});
  Tensor y = x;
  for (int64_t i = 0; i < depth; ++i) y = Linear(scope / i, width, width)(y);
  const double deviation = std::sqrt(2.0 * depth / width);
  EXPECT_NEAR(std::log(mean(square(detach(y))).item()), 0, 3 * deviation);
  const Tensor u = random_tensor("u", y.shape());
  EXPECT_NEAR(std::log(mean(square(grad(y, {x}, {.seeds = {u}})[0])).item()), 0, 3 * deviation);
}

// ReLU halves the mean square, and Kaiming's gain makes up for it; Xavier would leave 2^-20 of it.
TEST(Kaiming, KeepsTheVarianceThroughADeepStackWithRelu) {
  constexpr int64_t width = 256, depth = 20;
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float64);
  Tensor y = random_tensor("x", {64, width});
  for (int64_t i = 0; i < depth; ++i) y = Linear(scope / i, width, width, true, kaiming_normal())(relu(y));
  // The first ReLU meets normal values of mean square 1; about sqrt(5 / n) a layer (He et al.: kurtosis of a ReLU).
  EXPECT_NEAR(std::log(mean(square(y)).item()), 0, 3 * std::sqrt(5.0 * depth / width));
}

TEST(Scope, AWeightIsAFunctionOfSeedAndNameAlone) {
  const auto weight = [](uint64_t seed, const char* name, DType dtype, bool another) {
    Parameters parameters;
    const Scope scope(parameters, seed, dtype);
    if (another) scope.parameter("another", {3}, normal(1));
    return (scope / name).parameter("weight", {4, 5}, xavier_uniform());
  };
  const Tensor first = weight(1, "a", DType::float64, false);
  EXPECT_TRUE(same_bits(first, weight(1, "a", DType::float64, true)));
  EXPECT_FALSE(same_bits(first, weight(2, "a", DType::float64, false)));
  EXPECT_FALSE(same_bits(first, weight(1, "b", DType::float64, false)));
  EXPECT_TRUE(same_bits(cast(detach(first), DType::float32), detach(weight(1, "a", DType::float32, false))));
  EXPECT_EQ(first.name(), "a.weight");
}

TEST(Scope, ANameIsGivenOnce) {
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float32);
  const Linear layer(scope / "head", 3, 4);
  EXPECT_EQ(error_text([&] { Linear(scope / "head", 3, 4); }),
            "parameter head.weight exists twice; give each layer a scope of its own");
  EXPECT_EQ(parameters.count(), 16);
  EXPECT_EQ(parameters.list()[1].kind, ParameterKind::bias);
}

}  // namespace
}  // namespace transformlet
