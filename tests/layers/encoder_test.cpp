// The encoder: symmetries, causality, attention maps, taps.
#include "layers/encoder.h"

#include <gtest/gtest.h>

#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Model {
  explicit Model(const EncoderOptions& options, DType dtype = DType::float32)
      : encoder(Scope(parameters, 1, dtype) / "encoder", options) {}
  Parameters parameters;
  Encoder encoder;
};

EncoderOptions options_for(NormPosition position, double dropout = 0.0) {
  return {.num_layers = 2,
          .num_heads = 4,
          .d_model = 32,
          .d_ff = 64,
          .norm_position = position,
          .activation = Activation::gelu,
          .dropout = dropout};
}

class EncoderTest : public testing::TestWithParam<NormPosition> {};
INSTANTIATE_TEST_SUITE_P(Norms, EncoderTest, testing::Values(NormPosition::post, NormPosition::pre),
                         [](const auto& info) { return info.param == NormPosition::pre ? "pre" : "post"; });

Tensor rows_in_order(const Tensor& x, const std::vector<int>& order) {
  TensorList rows;
  for (const int row : order) rows.push_back(slice(x, 1, row, row + 1));
  return concatenate(rows, 1);
}

// Nothing in an encoder without positions knows the order: f(P x) = P f(x).
TEST_P(EncoderTest, IsPermutationEquivariant) {
  const Model model(options_for(GetParam()));
  const Tensor x = random_tensor("x", {2, 6, 32}, DType::float32);
  const std::vector<int> order = {3, 0, 5, 1, 4, 2};
  const NoRecording off;
  const Pass pass = Pass::evaluation();
  const Tensor y = model.encoder(x, {}, pass);
  // Sums over six keys in another order, in float32, outputs of size 1.
  EXPECT_LT(largest_difference(rows_in_order(y, order), model.encoder(rows_in_order(x, order), {}, pass)), 1e-5);
  EXPECT_GT(largest_difference(y, model.encoder(rows_in_order(x, order), {}, pass)), 0.1);
}

// Bit for bit: beyond the tiles, and in the gradient: earlier outputs have no derivative by later inputs.
TEST_P(EncoderTest, TheFutureChangesNoEarlierOutput) {
  const Model model(options_for(GetParam()));
  const Pass pass = Pass::evaluation();
  for (const int64_t length : {6, 150}) {
    const Tensor x = random_tensor("x", {2, length, 32}, DType::float32);
    const Tensor future = random_tensor("future", {2, length, 32}, DType::float32);
    for (const int64_t now : {int64_t{1}, length / 2, length - 1}) {
      const Tensor other = concatenate({slice(x, 1, 0, now), slice(future, 1, now, length)}, 1);
      const Tensor leaves = leaf(x);
      const Tensor y = slice(model.encoder(leaves, Mask::causal(), pass), 1, 0, now);
      EXPECT_TRUE(same_bits(detach(y), detach(slice(model.encoder(other, Mask::causal(), pass), 1, 0, now))));
      const Tensor of_future = slice(grad(sum(square(y)), {leaves})[0], 1, now, length);
      EXPECT_EQ(largest_difference(of_future, zeros(of_future.shape(), DType::float32)), 0);
    }
  }
}

// Padding: what lies beyond the length reaches no output within it, NaN included.
TEST_P(EncoderTest, PaddingChangesNothing) {
  const Model model(options_for(GetParam()));
  const Tensor x = random_tensor("x", {2, 5, 32}, DType::float32);
  const Tensor garbage = full({2, 2, 32}, NAN, DType::float32);
  const NoRecording off;
  const Tensor y = model.encoder(x, {}, Pass::evaluation());
  const Tensor padded = model.encoder(concatenate({x, garbage}, 1), Mask::padding({5, 5}), Pass::evaluation());
  EXPECT_LT(largest_difference(y, slice(padded, 1, 0, 5)), 1e-5);  // other tiles, another order of sums
}

TEST_P(EncoderTest, AttentionMapsAreThoseOfTheLayers) {
  const Model model(options_for(GetParam(), 0.3), DType::float64);
  const Tensor x = random_tensor("x", {2, 5, 32});
  const Mask mask = Mask::causal() & Mask::padding({5, 3});
  const TensorList maps = model.encoder.attention_maps(x, mask);
  ASSERT_EQ(maps.size(), 2u);
  const EncoderBlock& block = model.encoder.blocks[0];
  const Tensor input = GetParam() == NormPosition::pre ? (*block.attention_pre_norm)(x) : x;
  EXPECT_TRUE(
      same_bits(detach(block.attention.with_weights(input, mask, Pass::evaluation()).weights), detach(maps[0])));
  const Tensor allowed = broadcast_to(mask.to_tensor(2, 4, 5, 5, DType::float64), {2, 4, 5, 5});
  for (const Tensor& map : maps) {
    EXPECT_EQ(map.shape(), (Shape{2, 4, 5, 5}));
    EXPECT_EQ(sum(detach(map) * (1.0 - allowed)).item(), 0);
    for (const double total : sum(detach(map), {-1}).to_vector()) EXPECT_NEAR(total, 1, 1e-14);
  }
}

// Replaces the activations of one name.
class Replace : public Tap {
 public:
  Replace(std::string name, std::function<Tensor(const Tensor&)> by) : name_(std::move(name)), by_(std::move(by)) {}
  bool wants(std::string_view name) const override { return name == name_; }
  Tensor receive(std::string_view, const Tensor& x) override {
    ++calls;
    return by_(x);
  }
  int calls = 0;

 private:
  std::string name_;
  std::function<Tensor(const Tensor&)> by_;
};

TEST_P(EncoderTest, TapsReplaceActivations) {
  const Model model(options_for(GetParam(), 0.3), DType::float64);
  const Tensor x = random_tensor("x", {2, 5, 32});
  const NoRecording off;
  const Pass training = Pass::training(1, 2);
  for (const Pass& pass : {Pass::evaluation(), training}) {
    const Tensor y = model.encoder(x, Mask::causal(), pass);
    for (const char* name : {"encoder.blocks.0.attention.weights", "encoder.blocks.1.attention.weights",
                             "encoder.blocks.0.feed_forward.hidden", "encoder.blocks.0.output"}) {
      SCOPED_TRACE(name);
      Replace same(name, [](const Tensor& activation) { return activation; });
      // Observed or patched with themselves: the same but for the path that materialises the weights.
      EXPECT_LT(largest_difference(y, model.encoder(x, Mask::causal(), pass.with_tap(same))), 1e-13);
      EXPECT_EQ(same.calls, 1);
      Replace nothing(name, [](const Tensor& activation) { return zeros(activation.shape(), activation.dtype()); });
      EXPECT_GT(largest_difference(y, model.encoder(x, Mask::causal(), pass.with_tap(nothing))), 1e-2);
      Replace wrong(name, [](const Tensor& activation) { return slice(activation, 0, 0, 1); });
      EXPECT_EQ(error_text([&] { model.encoder(x, Mask::causal(), pass.with_tap(wrong)); }).find(name), 0u);
    }
  }
}

// Weights that are replaced are used: every query takes the first value.
TEST(EncoderTap, ReplacedWeightsDecideTheOutput) {
  Parameters parameters;
  const MultiheadAttention attention(Scope(parameters, 1, DType::float64) / "attention",
                                     {.d_model = 8, .num_heads = 2});
  const Tensor x = random_tensor("x", {1, 3, 8});
  Replace first("attention.weights", [](const Tensor& weights) {
    return broadcast_to(tensor({1, 0, 0}, {3}, DType::float64), weights.shape());
  });
  const Tensor y = detach(attention(x, {}, Pass::evaluation().with_tap(first)));
  const Tensor alone = detach(attention(slice(x, 1, 0, 1), {}, Pass::evaluation()));
  EXPECT_LT(largest_difference(broadcast_to(alone, {1, 3, 8}), y), 1e-14);
}

// Dropout of a pass: same seed, step and samples, same output; micro-batches see their part of the whole.
TEST_P(EncoderTest, DropoutDependsOnSeedStepAndSampleAlone) {
  const Model model(options_for(GetParam(), 0.3), DType::float64);
  const Tensor x = random_tensor("x", {4, 5, 32});
  const NoRecording off;
  const auto run = [&](const Tensor& input, const Pass& pass) { return model.encoder(input, {}, pass); };
  const Tensor y = run(x, Pass::training(1, 2));
  EXPECT_TRUE(same_bits(y, run(x, Pass::training(1, 2))));
  EXPECT_FALSE(same_bits(y, run(x, Pass::training(1, 3))));
  EXPECT_FALSE(same_bits(y, run(x, Pass::training(2, 2))));
  EXPECT_FALSE(same_bits(y, run(x, Pass::training(1, 2).with_call(1))));
  EXPECT_FALSE(same_bits(y, run(x, Pass::evaluation())));
  // BLAS may add in another order in a smaller product.
  EXPECT_LT(largest_difference(slice(y, 0, 2, 4), run(slice(x, 0, 2, 4), Pass::training(1, 2, 2))), 1e-13);
}

TEST(MultiheadAttention, SaysThatTheWidthDoesNotDivide) {
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float32);
  EXPECT_EQ(error_text([&] { MultiheadAttention(scope / "encoder", {.d_model = 10, .num_heads = 3}); }),
            "encoder: d_model 10 does not divide into 3 heads");
  EXPECT_EQ(error_text([&] { MultiheadAttention(scope, {.d_model = 10, .num_heads = 0}); }),
            "attention: num_heads is 0; at least one is needed");
  EXPECT_EQ(parameters.count(), 0);
}

}  // namespace
}  // namespace transformlet
