// Attention without a softmax, against sums by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/attention.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// out = identity: the values themselves come out. 1e-14: rounding.
TEST(LinearAttention, IsASumOfScoresTimesValues) {
  constexpr int64_t length = 4, width = 6, heads = 2, size = width / heads;
  Parameters parameters;
  const MultiheadAttention layer(Scope(parameters, 1, DType::float64), {.d_model = width,
                                                                        .num_heads = heads,
                                                                        .scale = 0.7,
                                                                        .kind = AttentionKind::linear,
                                                                        .favoured = {{2, 3}, 5},
                                                                        .bias = false});
  Tensor identity = layer.out.weight;
  for (int64_t i = 0; i < width * width; ++i) overwrite<double>(identity)[i] = i % (width + 1) == 0 ? 1 : 0;
  const Tensor x = random_tensor("x", {1, length, width});
  const std::vector<double> packed = layer.qkv(x).to_vector();
  std::vector<double> expected(static_cast<size_t>(length * width), 0.0);
  for (int64_t query = 0; query < length; ++query) {
    for (int64_t key = 0; key <= query; ++key) {
      for (int64_t column = 0; column < width; ++column) {
        double score = 0;
        for (int64_t i = column / size * size; i < (column / size + 1) * size; ++i)
          score += packed[static_cast<size_t>(query * 18 + i)] * packed[static_cast<size_t>(key * 18 + 6 + i)];
        score *= 0.7 * (query - key == 2 || query - key == 3 ? 5 : 1);
        expected[static_cast<size_t>(query * width + column)] +=
            score * packed[static_cast<size_t>(key * 18 + 12 + column)];
      }
    }
  }
  EXPECT_LT(relative_distance(tensor(expected, {1, length, width}, DType::float64),
                              layer(x, Mask::causal(), Pass::evaluation())),
            1e-14);
}

TEST(LinearAttention, HasNoDropoutOfItsWeights) {
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float64);
  EXPECT_EQ(error_text([&] {
              MultiheadAttention(scope / "a", {.d_model = 4, .kind = AttentionKind::linear, .dropout = 0.1});
            }),
            "a: linear attention has no dropout, no ALiBi and no shared heads");
  EXPECT_EQ(error_text([&] {
              MultiheadAttention(scope / "b", {.d_model = 4, .favoured = {{1}, 2}});
            }),
            "b: linear attention alone favours distances");
}

}  // namespace
}  // namespace transformlet
