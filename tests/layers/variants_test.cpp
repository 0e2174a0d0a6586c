// Blocks without norms, feed-forward layers or residual connections, and decoders of which the last places alone are
// asked. A sequence of one token attends to itself, so that attention is out(v) and a model a chain of products.
#include <gtest/gtest.h>

#include "layers/decoder.h"
#include "layers/encoder_decoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

const Pass evaluation = Pass::evaluation();

// What attention gives to a sequence of one token: x W_v^T W_o^T, without biases.
Tensor of_one_token(const MultiheadAttention& attention, const Tensor& x) {
  const int64_t width = attention.options.d_model;
  const Tensor values = matmul(x, slice(attention.qkv.weight, 0, 2 * width, 3 * width), false, true);
  return matmul(values, attention.out.weight, false, true);
}

Tensor transformed(const FeedForward& layer, const Tensor& x) {
  return matmul(relu(matmul(x, layer.up.weight, false, true)), layer.down.weight, false, true);
}

struct Built {
  explicit Built(const EncoderOptions& options) : block(Scope(parameters, 1, DType::float64), options) {}
  Parameters parameters;
  EncoderBlock block;
};

// 1e-14: rounding of a few products.
TEST(BlockVariants, OneTokenGoesThroughProducts) {
  const Tensor x = random_tensor("x", {3, 1, 8});
  EncoderOptions options{.num_heads = 2, .d_model = 8, .d_ff = 12, .norm = NormKind::none, .bias = false};
  for (const NormPosition position : {NormPosition::pre, NormPosition::post}) {
    options.norm_position = position;
    for (const bool skip : {true, false}) {
      for (const bool feed_forward : {true, false}) {
        options.skip = skip;
        options.feed_forward = feed_forward;
        const Built built(options);
        EXPECT_EQ(built.parameters.list().size(), feed_forward ? 4u : 2u);
        Tensor y = of_one_token(built.block.attention, x) + (skip ? x : x * 0.0);
        if (feed_forward) y = transformed(*built.block.feed_forward, y) + (skip ? y : y * 0.0);
        EXPECT_LT(relative_distance(y, built.block(x, {}, evaluation)), 1e-14) << skip << feed_forward;
      }
    }
  }
}

// The parts are those of the block with everything, in its order.
TEST(BlockVariants, NormsStandWhereTheyDidWithoutTheRest) {
  const Tensor x = random_tensor("x", {2, 5, 8});
  EncoderOptions options{.num_heads = 2, .d_model = 8, .feed_forward = false, .skip = false};
  const Built post(options);
  EXPECT_TRUE(same_bits(post.block(x, Mask::causal(), evaluation),
                        (*post.block.attention_post_norm)(post.block.attention(x, Mask::causal(), evaluation))));
  options.norm_position = NormPosition::pre;
  const Built pre(options);
  EXPECT_TRUE(
      same_bits(pre.block(x, {}, evaluation), pre.block.attention((*pre.block.attention_pre_norm)(x), {}, evaluation)));
}

TEST(BlockVariants, CrossBlocksHaveThemToo) {
  const Tensor x = random_tensor("x", {3, 1, 8}), memory = random_tensor("memory", {3, 1, 8});
  EncoderOptions options{.num_heads = 2, .d_model = 8, .d_ff = 12, .norm = NormKind::none, .bias = false};
  for (const bool skip : {true, false}) {
    for (const bool feed_forward : {true, false}) {
      options.skip = skip;
      options.feed_forward = feed_forward;
      Parameters parameters;
      const CrossBlock block(Scope(parameters, 1, DType::float64), options);
      EXPECT_EQ(parameters.list().size(), feed_forward ? 6u : 4u);
      Tensor y = of_one_token(block.attention, x) + (skip ? x : x * 0.0);
      y = of_one_token(block.cross_attention, memory) + (skip ? y : y * 0.0);
      if (feed_forward) y = transformed(*block.feed_forward, y) + (skip ? y : y * 0.0);
      EXPECT_LT(relative_distance(y, block(x, memory, {}, {}, evaluation)), 1e-14) << skip << feed_forward;
    }
  }
}

struct Asked {
  explicit Asked(int64_t asked_places)
      : decoder(Scope(parameters, 1, DType::float64),
                {.blocks = {.num_layers = 2,
                            .num_heads = 2,
                            .d_model = 8,
                            .d_ff = 12,
                            .norm_position = NormPosition::pre,
                            .rotary = true,
                            .final_norm = true}},
                {.vocab_size = 5, .classes = 5, .max_length = 4, .asked_places = asked_places}) {}
  Parameters parameters;
  Decoder decoder;
};

const Tokens ids({0, 1, 2, 3, 4, 3, 1, 0}, {2, 4});

// The same logits and gradients as of a decoder that answers everywhere: 1e-14 is rounding, as products of fewer rows
// may be summed in another order.
TEST(AskedPlaces, HaveTheAnswersOfAllPlaces) {
  const Asked all(0);
  for (const int64_t asked : {1, 3, 4, 9}) {
    const Asked some(asked);
    const int64_t first = std::max<int64_t>(0, 4 - asked);
    for (const bool recompute : {false, true}) {
      const auto logits_of = [&](const Asked& model) {
        return model.decoder(ids, {}, evaluation.with_recompute(recompute));
      };
      const Tensor expected = slice(logits_of(all), 1, first, 4), whole = logits_of(some);
      ASSERT_EQ(whole.shape(), Shape({2, 4, 5}));
      const Tensor actual = slice(whole, 1, first, 4);
      EXPECT_LT(relative_distance(expected, actual), 1e-14) << asked;
      if (first > 0) {
        EXPECT_EQ(largest_difference(slice(whole, 1, 0, first), zeros({2, first, 5}, DType::float64)), 0);
      }
      const TensorList seeds = random_cotangents_of({expected});
      EXPECT_LT(relative_distance(grad(expected, all.parameters.tensors(), {.seeds = seeds}),
                                  grad(actual, some.parameters.tensors(), {.seeds = seeds})),
                1e-13)
          << asked;
    }
  }
}

// Whoever looks at the blocks sees all places.
TEST(AskedPlaces, ListenersSeeAllPlaces) {
  const Asked some(1);
  Collector collector(".output");
  const Tensor logits = some.decoder(ids, {}, evaluation.with_tap(collector));
  EXPECT_TRUE(same_bits(logits, Asked(0).decoder(ids, {}, evaluation)));
  for (const Tensor& output : collector.activations()) EXPECT_EQ(output.shape(), Shape({2, 4, 8}));
}

}  // namespace
}  // namespace transformlet
