// recompute(): the same gradients, without the activations.
#include "autograd/recompute.h"

#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// A block with parameters of its own, which a closure reaches by itself.
struct Block {
  explicit Block(const std::string& name, DType dtype = DType::float64)
      : up(random_leaf(name + ".up", {8, 6}, dtype)),
        down(random_leaf(name + ".down", {6, 8}, dtype)),
        gain(random_leaf(name + ".gain", {6}, dtype)) {}

  Tensor operator()(const Tensor& x, double probability = 0.0) const {
    const Tensor mixed = x + scaled_dot_product_attention(x, x, x, Mask::causal());
    const Tensor hidden = dropout(gelu(linear(mixed, up)), probability, {RandomKey(3), 5});
    return mixed + linear(hidden, down) * gain;
  }
  TensorList parameters() const { return {up, down, gain}; }

  Tensor up, down, gain;
};

struct Setting {
  const char* name;
  DType dtype;
  double dropout;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class RecomputeTest : public testing::TestWithParam<Setting> {};

TEST_P(RecomputeTest, GivesTheSameBits) {
  const auto [name, dtype, probability] = GetParam();
  const Block first("first", dtype), second("second", dtype);
  const Tensor x = random_leaf("x", {3, 4, 6}, dtype);
  const auto run = [&](bool recomputed) {
    const auto call = [&](const Block& block, const Tensor& input) {
      const auto body = [&](const TensorList& in) { return block(in[0], probability); };
      return recomputed ? recompute(body, {input}) : body({input});
    };
    const Tensor y = call(second, call(first, x));
    TensorList targets = {x};
    for (const Block* block : {&first, &second}) {
      for (const Tensor& parameter : block->parameters()) targets.push_back(parameter);
    }
    TensorList result = grad(y, targets, {.seeds = random_cotangents_of({y})});
    result.push_back(y);
    return result;
  };
  EXPECT_TRUE(same_bits(run(false), run(true)));
}

INSTANTIATE_TEST_SUITE_P(Settings, RecomputeTest,
                         testing::Values(Setting{"float32", DType::float32, 0.0},
                                         Setting{"float64", DType::float64, 0.0},
                                         Setting{"dropout", DType::float64, 0.3}),
                         [](const auto& info) { return info.param.name; });

TEST(Recompute, CanBeDifferentiatedTwice) {
  const Block block("block");
  const Tensor x = random_leaf("x", {2, 3, 6}), u = random_tensor("u", {2, 3, 6});
  const auto run = [&](bool recomputed) {
    const HigherOrder guard;
    const auto body = [&](const TensorList& in) { return block(in[0]); };
    const Tensor y = recomputed ? recompute(body, {x}) : body({x});
    TensorList targets = block.parameters();
    targets.push_back(x);
    const TensorList first = grad(sum(y * u), targets, {.differentiable = true});
    Tensor total = scalar(0, DType::float64);
    for (const Tensor& gradient : first) total = total + sum(gradient * random_tensor("v", gradient.shape()));
    TensorList result = grad(total, targets);
    result.insert(result.end(), first.begin(), first.end());
    return result;
  };
  EXPECT_LT(relative_distance(run(false), run(true)), 1e-13);  // gradients are added in another order
}

// The input was made from a leaf that the function reaches too, as with a tied embedding: each path counts once.
class RecomputeTied : public testing::TestWithParam<bool> {};

TEST_P(RecomputeTied, CountsALeafThatStandsInsideAndBeforeOnce) {
  const bool differentiable = GetParam();
  const Tensor weight = random_leaf("weight", {4, 4});
  const auto run = [&](bool recomputed) {
    const HigherOrder guard;
    const Tensor x = tanh(matmul(weight, weight));
    const auto body = [&](const TensorList& in) { return gelu(matmul(in[0], weight)); };
    const Tensor y = recomputed ? recompute(body, {x}) : body({x});
    TensorList result = grad(sum(y), {weight, x}, {.differentiable = differentiable});
    if (differentiable) result.push_back(grad(sum(square(result[0])), {weight})[0]);
    return result;
  };
  EXPECT_LT(relative_distance(run(false), run(true)), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(Orders, RecomputeTied, testing::Bool());

TEST(Recompute, NestsAndTakesConstantsAndRepeatedInputs) {
  const Block block("block");
  const Tensor x = random_leaf("x", {2, 3, 6}), constant = random_tensor("constant", {6});
  const auto inner = [&](const TensorList& in) { return block(in[0] * in[1] + in[2]); };
  const auto outer = [&](const TensorList& in) { return recompute(inner, {in[0], in[1], in[0]}) * block.gain; };
  const auto gradients = [&](const Tensor& y) { return grad(sum(y), {x, block.up, block.down, block.gain}); };
  EXPECT_LT(
      relative_distance(gradients(inner({x, constant, x}) * block.gain), gradients(recompute(outer, {x, constant}))),
      1e-14);
}

TEST(Recompute, DropsTheActivations) {
  const int64_t size = 1 << 14, bytes = size * 8;
  const Tensor x = leaf(full({size}, 0.5, DType::float64));
  const auto deep = [](const TensorList& in) {
    Tensor y = in[0];
    for (int i = 0; i < 20; ++i) y = tanh(y);
    return y;
  };
  const int64_t before = pool_statistics().live_bytes;
  {
    const Tensor y = deep({x});
    EXPECT_GE(pool_statistics().live_bytes - before, 20 * bytes);
  }
  const Tensor y = recompute(deep, {x});
  EXPECT_LE(pool_statistics().live_bytes - before, bytes);
  EXPECT_TRUE(same_bits(deep({x}), y));
}

TEST(Recompute, RecordsNothingWhileRecordingIsOff) {
  const Tensor x = random_leaf("x", {3});
  const NoRecording off;
  EXPECT_FALSE(recompute([](const TensorList& in) { return exp(in[0]); }, {x}).requires_grad());
}

TEST(Recompute, NoticesAnOverwrittenHiddenParameter) {
  Tensor weight = random_leaf("hidden.weight", {3});
  const Tensor x = random_leaf("x", {3});
  const Tensor y = recompute([&](const TensorList& in) { return sum(in[0] * weight); }, {x});
  overwrite<double>(weight)[0] = 2;
  EXPECT_EQ(
      error_text([&] { grad(y, {x}); }),
      "grad: recompute saved hidden.weight (3), which has been overwritten since; compute the forward pass again");
}

}  // namespace
}  // namespace transformlet
