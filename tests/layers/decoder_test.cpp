// The decoder: names and order of its parameters, their start, causality, recomputation, memory.
#include "layers/decoder.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Model {
  explicit Model(const DecoderOptions& options, DType dtype = DType::float32, int64_t vocab_size = 11,
                 int64_t max_length = 150)
      : decoder(Scope(parameters, 1, dtype), options,
                {.vocab_size = vocab_size, .classes = vocab_size, .max_length = max_length}) {}
  Parameters parameters;
  Decoder decoder;
};

DecoderOptions options_for(NormPosition position, double dropout = 0.0) {
  return {.blocks = {.num_layers = 2,
                     .num_heads = 4,
                     .d_model = 32,
                     .d_ff = 64,
                     .norm_position = position,
                     .activation = Activation::gelu,
                     .dropout = dropout,
                     .hidden_dropout = false,
                     .final_norm = position == NormPosition::pre,
                     .initializers = gpt2_initializers(2)},
          .embedding_dropout = dropout};
}

Tokens random_ids(const std::string& name, int64_t batch, int64_t length, int64_t vocab_size = 11) {
  RandomStream stream(RandomKey(3) / name);
  std::vector<int32_t> ids(static_cast<size_t>(batch * length));
  for (int32_t& id : ids) id = static_cast<int32_t>(stream.below(vocab_size));
  return {std::move(ids), {batch, length}};
}

// The gradient of everything by every parameter.
TensorList gradients_of(const Model& model, const Tokens& ids, const Mask& mask, const Pass& pass) {
  const Tensor logits = model.decoder(ids, mask, pass);
  TensorList result = grad(logits, model.parameters.tensors(), {.seeds = random_cotangents_of({logits})});
  result.push_back(logits);
  return result;
}

std::vector<std::string> names_of(const DecoderOptions& options) {
  std::vector<std::string> names;
  Parameters parameters;
  const Decoder decoder(Scope::dry(parameters), options, {.vocab_size = 5, .classes = 5, .max_length = 4});
  for (const Parameter& parameter : parameters.list()) names.push_back(parameter.value.name());
  return names;
}

TEST(Decoder, ParametersStandInTheOrderOfTheForwardPass) {
  DecoderOptions options;
  options.blocks = {.norm_position = NormPosition::pre, .final_norm = true, .bias = false};
  options.tie_embeddings = false;
  EXPECT_EQ(names_of(options),
            (std::vector<std::string>{
                "embedding.weight", "positions.weight", "decoder.blocks.0.attention_norm.gain",
                "decoder.blocks.0.attention.qkv.weight", "decoder.blocks.0.attention.out.weight",
                "decoder.blocks.0.feed_forward_norm.gain", "decoder.blocks.0.feed_forward.up.weight",
                "decoder.blocks.0.feed_forward.down.weight", "decoder.final_norm.gain", "head.weight"}));
  options = {};
  options.blocks.norm_position = NormPosition::post;
  options.position = Position::sinusoidal;
  EXPECT_EQ(names_of(options),
            (std::vector<std::string>{
                "embedding.weight", "decoder.blocks.0.attention.qkv.weight", "decoder.blocks.0.attention.qkv.bias",
                "decoder.blocks.0.attention.out.weight", "decoder.blocks.0.attention.out.bias",
                "decoder.blocks.0.attention_norm.gain", "decoder.blocks.0.attention_norm.bias",
                "decoder.blocks.0.feed_forward.up.weight", "decoder.blocks.0.feed_forward.up.bias",
                "decoder.blocks.0.feed_forward.down.weight", "decoder.blocks.0.feed_forward.down.bias",
                "decoder.blocks.0.feed_forward_norm.gain", "decoder.blocks.0.feed_forward_norm.bias"}));
}

// GPT-2 (small): 124,439,808 parameters, as published with its weights.
TEST(Decoder, HasAsManyParametersAsGpt2) {
  Parameters parameters;
  DecoderOptions options;
  options.blocks = {.num_layers = 12,
                    .num_heads = 12,
                    .d_model = 768,
                    .d_ff = 3072,
                    .norm_position = NormPosition::pre,
                    .final_norm = true};
  const Decoder decoder(Scope::dry(parameters), options, {.vocab_size = 50257, .classes = 50257, .max_length = 1024});
  EXPECT_EQ(parameters.count(), 124439808);
}

// Of n normal draws the deviation is right to 1 / sqrt(2 n), relatively.
TEST(Decoder, StartsAsGpt2Does) {
  DecoderOptions options = options_for(NormPosition::pre);
  options.blocks.num_layers = 8;
  options.blocks.initializers = gpt2_initializers(8);
  options.tie_embeddings = false;
  const Model model(options, DType::float64, 100);
  for (const Parameter& parameter : model.parameters.list()) {
    const std::string& name = parameter.value.name();
    SCOPED_TRACE(name);
    const Tensor x = detach(parameter.value);
    if (parameter.kind == ParameterKind::bias || parameter.kind == ParameterKind::gain) {
      const double start = parameter.kind == ParameterKind::gain ? 1 : 0;
      EXPECT_EQ(largest_difference(x, full(x.shape(), start, x.dtype())), 0);
      continue;
    }
    const bool residual = name.ends_with("out.weight") || name.ends_with("down.weight");
    const double deviation = residual ? 0.02 / 4 : 0.02;
    const double relative = std::sqrt(mean(square(x), {0, 1}).item()) / deviation - 1;
    EXPECT_LT(std::abs(relative), 4 / std::sqrt(2.0 * static_cast<double>(x.size())));
  }
}

class DecoderTest : public testing::TestWithParam<NormPosition> {};
INSTANTIATE_TEST_SUITE_P(Norms, DecoderTest, testing::Values(NormPosition::post, NormPosition::pre),
                         [](const auto& info) { return info.param == NormPosition::pre ? "pre" : "post"; });

// Bit for bit, whatever the mask, beyond the tiles of the kernels too.
TEST_P(DecoderTest, ALaterTokenChangesNoEarlierLogit) {
  const Model model(options_for(GetParam()));
  const NoRecording off;
  const Pass pass = Pass::evaluation();
  for (const int64_t length : {6, 150}) {
    const Tokens ids = random_ids("ids", 2, length), other = random_ids("other", 2, length);
    for (const Mask& mask : {Mask(), Mask::causal(), Mask::padding({length, length - 2})}) {
      const Tensor logits = model.decoder(ids, mask, pass);
      for (const int64_t now : {int64_t{1}, length / 2, length - 1}) {
        std::vector<int32_t> mixed;
        for (int64_t i = 0; i < ids.size(); ++i) mixed.push_back(i % length < now ? ids[i] : other[i]);
        const Tensor changed = model.decoder(Tokens(std::move(mixed), ids.shape()), mask, pass);
        EXPECT_TRUE(same_bits(slice(logits, 1, 0, now), slice(changed, 1, 0, now)));
        EXPECT_FALSE(same_bits(logits, changed));
      }
    }
  }
}

// On the sum of embedding and position, and on what sublayers add; not within the feed-forward layer, as in GPT-2.
TEST_P(DecoderTest, DropoutFallsWhereGpt2HasIt) {
  const Model model(options_for(GetParam(), 0.2));
  const Tokens ids = random_ids("ids", 2, 5);
  const NoRecording off;
  const Pass training = Pass::training(1, 2), evaluation = Pass::evaluation();
  const Tensor x = model.decoder.embed(ids, evaluation);
  EXPECT_TRUE(same_bits(model.decoder.embed(ids, training), training.dropout("embedding.dropout", x, 0.2)));
  const EncoderBlock& block = model.decoder.blocks.blocks[0];
  EXPECT_TRUE(same_bits((*block.feed_forward)(x, training), (*block.feed_forward)(x, evaluation)));
  EXPECT_FALSE(same_bits(block.attention(x, {}, training), block.attention(x, {}, evaluation)));
  EXPECT_EQ(block.attention_dropout.probability, 0.2);
  EXPECT_EQ(block.feed_forward_dropout.probability, 0.2);
}

TEST_P(DecoderTest, AttentionMapsAreCausal) {
  const Model model(options_for(GetParam()), DType::float64);
  const TensorList maps = model.decoder.attention_maps(random_ids("ids", 2, 5), {});
  ASSERT_EQ(maps.size(), 2u);
  const Tensor future = 1.0 - Mask::causal().to_tensor(1, 1, 5, 5, DType::float64);
  for (const Tensor& map : maps) {
    EXPECT_EQ(map.shape(), (Shape{2, 4, 5, 5}));
    EXPECT_EQ(sum(detach(map) * future).item(), 0);
  }
}

// In float32 and float64, with dropout everywhere: the same bits in logits and gradients, from less memory.
TEST_P(DecoderTest, RecomputingChangesNoBit) {
  const Tokens ids = random_ids("ids", 3, 40);
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Model model(options_for(GetParam(), 0.2), dtype);
    const Pass pass = Pass::training(1, 2);
    EXPECT_TRUE(same_bits(gradients_of(model, ids, {}, pass), gradients_of(model, ids, {}, pass.with_recompute(true))));
    const auto bytes = [&](const Pass& of) {
      const int64_t before = pool_statistics().live_bytes;
      const Tensor logits = model.decoder(ids, {}, of);
      return pool_statistics().live_bytes - before;
    };
    EXPECT_LT(2 * bytes(pass.with_recompute(true)), bytes(pass));
  }
}

// A listener gets each activation once, and as a part of the graph, though the pass asks to recompute.
TEST_P(DecoderTest, AListenerSeesEachActivationOnce) {
  const Model model(options_for(GetParam()), DType::float64);
  Collector collector(".output");
  const Tensor logits =
      model.decoder(random_ids("ids", 2, 5), {}, Pass::training(1, 2).with_recompute(true).with_tap(collector));
  grad(sum(logits), model.parameters.tensors(), {.keep_graph = true});
  EXPECT_EQ(collector.names(), (std::vector<std::string>{"decoder.blocks.0.output", "decoder.blocks.1.output"}));
  for (const bool depends : depends_on(sum(logits), collector.activations())) EXPECT_TRUE(depends);
}

TEST_P(DecoderTest, AnyNumberOfThreadsGivesTheSameBits) {
  const Model model(options_for(GetParam(), 0.2));
  const Tokens ids = random_ids("ids", 3, 150);
  const int before = omp_get_max_threads();
  for (const bool recompute : {false, true}) {
    const Pass pass = Pass::training(1, 2).with_recompute(recompute);
    omp_set_num_threads(1);
    const TensorList one = gradients_of(model, ids, {}, pass);
    for (const int threads : {2, 3}) {
      omp_set_num_threads(threads);
      EXPECT_TRUE(same_bits(one, gradients_of(model, ids, {}, pass))) << threads;
    }
  }
  omp_set_num_threads(before);
}

// The loss over a large vocabulary holds logits and their gradient. The tied weight's gradient stands once: the head's
// part and the embedding's are added in place. With few tokens that is what counts, with many the logits are.
TEST(Decoder, ALargeVocabularyCostsTwoTablesOfLogitsAndOneGradient) {
  constexpr int64_t vocab_size = 50257, d_model = 64, weight_bytes = 4 * vocab_size * d_model;
  DecoderOptions options;
  options.blocks = {.num_layers = 1, .num_heads = 1, .d_model = d_model, .d_ff = 32, .final_norm = true};
  const Model model(options, DType::float32, vocab_size, 64);
  const int64_t before = pool_statistics().live_bytes;
  for (const int64_t tokens : {4, 64}) {
    const Tokens ids = random_ids("ids", 1, tokens, vocab_size);
    const int64_t logits_bytes = 4 * tokens * vocab_size;
    const int64_t peak_before = pool_statistics().peak_live_bytes;
    const Tensor loss = cross_entropy(model.decoder(ids, {}, Pass::training(1, 2)), ids);
    const TensorList gradients = grad(loss, model.parameters.tensors());
    const int64_t peak = pool_statistics().peak_live_bytes;
    ASSERT_GT(peak, peak_before) << "something before took more";
    EXPECT_LT(peak - before, (2 * logits_bytes + weight_bytes) * 5 / 4) << tokens;  // the pool rounds sizes up
  }
}

TEST(Decoder, SaysWhatDoesNotFit) {
  Parameters parameters;
  EXPECT_EQ(error_text([&] {
              Decoder(Scope(parameters, 1, DType::float32), {}, {.vocab_size = 5, .classes = 4, .max_length = 4});
            }),
            "the decoder predicts 4 classes from 5 ids: set model.tie_embeddings to false");
  const Model model(options_for(NormPosition::pre), DType::float32, 11, 4);
  const Pass pass = Pass::evaluation();
  EXPECT_EQ(error_text([&] { model.decoder(random_ids("ids", 1, 5), {}, pass); }),
            "a sequence of 5 is longer than the model's 4 positions");
  EXPECT_EQ(error_text([&] {
              model.decoder(Tokens({1, 2}, {2}), {}, pass);
            }),
            "the model takes ids of shape (batch, length), not (2)");
  EXPECT_EQ(error_text([&] {
              model.decoder(Tokens({1, 11}, {1, 2}), {}, pass);
            }),
            "gather_rows: id 11 at position 1 is outside 0 ... 10");
}

}  // namespace
}  // namespace transformlet
