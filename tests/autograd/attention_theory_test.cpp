// What attention, softmax, norms and dropout must do by theory.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

double mean_of(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total / static_cast<double>(values.size());
}

double variance_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double total = 0;
  for (const double value : values) total += (value - mean) * (value - mean);
  return total / static_cast<double>(values.size());
}

// With independent entries of variance 1, q . k has variance d_k, and 1 with the factor 1 / sqrt(d_k) (Vaswani et al.
// 2017, section 3.2.1). The logits are read back from the weights: log w is the logit up to a constant of its row.
TEST(AttentionTheory, LogitsHaveVarianceOne) {
  constexpr int64_t samples = 400, length = 30;
  for (const int64_t d : {4, 16, 64}) {
    const std::string name = std::to_string(d);
    const Tensor q = random_tensor("q" + name, {samples, length, d}),
                 k = random_tensor("k" + name, {samples, length, d});
    for (const bool scaled : {true, false}) {
      AttentionOptions options;
      if (!scaled) options.scale = 1.0;
      const Tensor logits = log(attention_with_weights(q, k, k, {}, options).weights);
      const Tensor centred = logits - mean(logits, {-1}, true);
      // Taking out the mean of a row leaves (length - 1) / length of the variance.
      const double variance = mean(square(centred)).item() * length / (length - 1);
      const double expected = scaled ? 1.0 : static_cast<double>(d);
      // Relative variances of the estimate, over 12,000 rows: of a row's variance given q, 2 / (length - 1); of |q|^2
      // from row to row, 2 / d; and because the 30 rows of a sample share their keys, 30 times 2 / d. The root of their
      // sum is 4 % at most, and five of it are allowed; without the factor the variance is off by d.
      const double shared = 2.0 / static_cast<double>(d), rows = samples * length;
      const double error = expected * std::sqrt((2.0 / (length - 1) + shared + length * shared) / rows);
      EXPECT_NEAR(variance, expected, 5 * error) << d << (scaled ? " scaled" : " not scaled");
    }
  }
}

TEST(AttentionTheory, RowsOfWeightsSumToOne) {
  const Tensor q = random_tensor("q", {2, 3, 7, 4}), k = random_tensor("k", {2, 3, 9, 4});
  for (const Mask& mask : {Mask(), Mask::causal(), Mask::padding({9, 1}), Mask::sliding_window(2)}) {
    for (const double sum : sum(attention_with_weights(q, k, k, mask).weights, {-1}).to_vector()) {
      EXPECT_NEAR(sum, 1.0, 1e-14);  // nine roundings
    }
  }
  for (const double sum : sum(softmax(20.0 * q), {-1}).to_vector()) EXPECT_NEAR(sum, 1.0, 1e-14);
}

// A row that may attend to nothing: exact zeros, not small numbers and not uniform weights.
TEST(AttentionTheory, ARowThatSeesNothingIsZeroAndHasNoGradient) {
  const Mask mask = Mask::padding({0, 5});
  for (const DType dtype : {DType::float32, DType::float64}) {
    const TensorList in = {random_leaf("q", {2, 2, 3, 4}, dtype), random_leaf("k", {2, 2, 5, 4}, dtype),
                           random_leaf("v", {2, 2, 5, 4}, dtype)};
    const AttentionResult slow = attention_with_weights(in[0], in[1], in[2], mask);
    const Tensor fast = scaled_dot_product_attention(in[0], in[1], in[2], mask);
    for (const Tensor& y : {fast, slow.values, slow.weights}) {
      const Tensor first = slice(detach(y), 0, 0, 1), second = slice(detach(y), 0, 1, 2);
      EXPECT_TRUE(same_bits(first, zeros(first.shape(), dtype)));
      EXPECT_GT(sum(square(second)).item(), 0);
      for (const Tensor& gradient : grad(y, in, {.seeds = random_cotangents_of({y}), .keep_graph = true})) {
        const Tensor of_first = slice(gradient, 0, 0, 1);
        EXPECT_EQ(largest_difference(of_first, zeros(of_first.shape(), dtype)), 0);
      }
    }
  }
}

// One key: its value is the result, whatever the query. Equal keys: the mean of the values.
TEST(AttentionTheory, OneKeyAndEqualKeys) {
  const Tensor q = random_tensor("q", {6, 4}), v = random_tensor("v", {5, 3});
  const Tensor one = scaled_dot_product_attention(q, random_tensor("k", {1, 4}), slice(v, 0, 0, 1));
  EXPECT_LT(largest_difference(broadcast_to(slice(v, 0, 0, 1), {6, 3}), one), 1e-15);
  const Tensor equal = scaled_dot_product_attention(q, broadcast_to(random_tensor("k", {1, 4}), {5, 4}), v);
  EXPECT_LT(largest_difference(broadcast_to(mean(v, {0}, true), {6, 3}), equal), 1e-15);
}

// Large logits: the softmax is a maximum, and nothing overflows.
TEST(AttentionTheory, LargeLogitsPickTheLargest) {
  const Tensor keys = tensor({1, 0, 0, 1}, {2, 2}, DType::float32), v = tensor({3, 7}, {2, 1}, DType::float32);
  const Tensor q = tensor({1e30, 0, 0, 1e30}, {2, 2}, DType::float32);
  EXPECT_EQ(scaled_dot_product_attention(q, keys, v).to_vector(), (std::vector<double>{3, 7}));
  EXPECT_EQ(attention_with_weights(q, keys, v).values.to_vector(), (std::vector<double>{3, 7}));
}

// Permuting the keys together with the values changes nothing; permuting the queries permutes the result.
TEST(AttentionTheory, TheOrderOfKeysDoesNotMatter) {
  const Tensor q = random_tensor("q", {4, 3}), k = random_tensor("k", {5, 3}), v = random_tensor("v", {5, 3});
  const Tokens keys({3, 0, 4, 1, 2}, {5}), queries({2, 0, 3, 1}, {4});
  const Tensor y = scaled_dot_product_attention(q, k, v);
  const Tensor other =
      scaled_dot_product_attention(gather_rows(q, queries), gather_rows(k, keys), gather_rows(v, keys));
  EXPECT_LT(largest_difference(gather_rows(y, queries), other), 1e-14);  // sums in another order
}

TEST(NormTheory, LayerNormForgetsShiftAndScale) {
  const Tensor x = random_tensor("x", {5, 16}), gain = random_tensor("gain", {16}), bias = random_tensor("bias", {16});
  const Tensor y = layer_norm(x, gain, bias, 0.0);
  EXPECT_LT(largest_difference(y, layer_norm(3.0 * x + 100.0, gain, bias, 0.0)), 1e-12);  // 100 costs two digits
  EXPECT_LT(largest_difference(rms_norm(x, gain, 0.0), rms_norm(7.0 * x, gain, 0.0)), 1e-14);
  const Tensor one = full({16}, 1, DType::float64), none = zeros({16}, DType::float64);
  const Tensor plain = layer_norm(x, one, none, 0.0);
  for (int64_t row = 0; row < 5; ++row) {
    const std::vector<double> values = slice(plain, 0, row, row + 1).to_vector();
    EXPECT_NEAR(mean_of(values), 0, 1e-15);
    EXPECT_NEAR(variance_of(values), 1, 1e-14);
  }
}

// So the gradient has no part along x nor along the constant vector.
TEST(NormTheory, LayerNormsGradientIsOrthogonalToWhatItForgets) {
  const Tensor x = random_leaf("x", {5, 16}), gain = random_tensor("gain", {16}), bias = random_tensor("bias", {16});
  const Tensor y = layer_norm(x, gain, bias, 0.0);
  const Tensor dx = grad(y, {x}, {.seeds = random_cotangents_of({y})})[0];
  for (const double part : sum(dx, {-1}).to_vector()) EXPECT_NEAR(part, 0, 1e-13);
  for (const double part : sum(dx * detach(x), {-1}).to_vector()) EXPECT_NEAR(part, 0, 1e-13);
}

TEST(DropoutTheory, KeepsTheMeanAndTheRightShare) {
  constexpr int64_t n = 100'000;
  const Tensor x = full({10, n / 10}, 1, DType::float64);
  for (const double p : {0.1, 0.5, 0.9}) {
    const std::vector<double> y = dropout(x, p, {RandomKey(3), 0}).to_vector();
    // Each is 0 or 1 / (1 - p): variance p / (1 - p). Five standard errors.
    EXPECT_NEAR(mean_of(y), 1.0, 5 * std::sqrt(p / (1 - p) / n)) << p;
    const auto dropped = std::count(y.begin(), y.end(), 0.0);
    EXPECT_NEAR(static_cast<double>(dropped) / n, p, 5 * std::sqrt(p * (1 - p) / n)) << p;
    for (const double value : y) ASSERT_TRUE(value == 0 || std::abs(value - 1 / (1 - p)) < 1e-15 / (1 - p));
  }
}

TEST(DropoutTheory, TheMaskDoesNotDependOnHowTheBatchIsSplit) {
  const Tensor x = random_tensor("x", {6, 3, 5});
  const RandomKey key(3);
  const Tensor whole = dropout(x, 0.4, {key, 10});
  for (int64_t first = 0; first < 6; first += 2) {
    EXPECT_TRUE(
        same_bits(slice(whole, 0, first, first + 2), dropout(slice(x, 0, first, first + 2), 0.4, {key, 10 + first})));
  }
  EXPECT_FALSE(same_bits(whole, dropout(x, 0.4, {key, 11})));
  EXPECT_FALSE(same_bits(whole, dropout(x, 0.4, {key / "other", 10})));
}

// The same for the weights of attention, in both paths, which use one mask: over tiles, heads and samples.
TEST(DropoutTheory, AttentionDropsTheSameWeightsInBothPaths) {
  for (const int64_t length : {5, 150}) {
    const TensorList in = {random_leaf("q", {4, 2, length, 3}), random_leaf("k", {4, 2, length, 3}),
                           random_leaf("v", {4, 2, length, 2})};
    const auto options = [](int64_t first) {
      return AttentionOptions{.dropout = 0.4, .dropout_key = {RandomKey(3), first}};
    };
    const Mask mask = Mask::causal();
    const Tensor fused = scaled_dot_product_attention(in[0], in[1], in[2], mask, options(7));
    const AttentionResult slow = attention_with_weights(in[0], in[1], in[2], mask, options(7));
    EXPECT_LT(relative_distance(slow.values, fused), 1e-14);
    // The weights are those before dropout.
    EXPECT_LT(relative_distance(attention_with_weights(in[0], in[1], in[2], mask).weights, slow.weights), 1e-15);
    const TensorList seeds = random_cotangents_of({fused});
    EXPECT_LT(relative_distance(grad(slow.values, in, {.seeds = seeds}), grad(fused, in, {.seeds = seeds})), 1e-13);
    const auto part = [&](size_t i) { return slice(detach(in[i]), 0, 2, 4); };
    const Tensor half = scaled_dot_product_attention(part(0), part(1), part(2), mask, options(9));
    EXPECT_TRUE(same_bits(slice(detach(fused), 0, 2, 4), half));
  }
}

// Linear in x, so forward and backward share the mask exactly when dropout(x) . u = x . gradient.
TEST(DropoutTheory, BackwardUsesTheSameMask) {
  const Tensor x = random_leaf("x", {6, 3, 5}), u = random_tensor("u", {6, 3, 5});
  const Tensor y = dropout(x, 0.4, {RandomKey(3), 10});
  const Tensor dx = grad(y, {x}, {.seeds = {u}})[0];
  EXPECT_TRUE(same_bits(dx, dropout(u, 0.4, {RandomKey(3), 10})));
}

}  // namespace
}  // namespace transformlet
