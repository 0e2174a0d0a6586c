// The operations of a training step that are counted without taking it: as a profile of the step counts them, as
// published formulas say, and as sums made by hand.
#include <gtest/gtest.h>

#include "autograd/profile.h"
#include "train/config/reader.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

ExperimentConfig config_of(const std::string& task, const std::string& model, const std::string& train = "") {
  return read_config_text<ExperimentConfig>("c.yaml", "task: {" + task +
                                                          ", train_size: 64, val_size: 0, test_size: 0}\nmodel: {" +
                                                          model + "}\ntrain: {batch_size: 6" + train + "}\n");
}

double profiled(ExperimentConfig& config) {
  Experiment experiment(config);
  TrainingStep step(config, experiment);
  Profile profile;
  const Profiling on(profile);
  step(0);
  return profile.product_operations();
}

// Sums of whole numbers, far below 2^53: no rounding.
TEST(Operations, AreThoseOfAStep) {
  const std::string symbols = "name: reverse, num_symbols: 5, seq_len: 7",
                    text = "name: repeat, vocab_size: 9, seq_len: 8";
  const std::string blocks = "num_layers: 3, num_heads: 4, d_model: 16, d_ff: 20";
  for (const auto& [task, model] : std::vector<std::pair<std::string, std::string>>{
           {symbols, "kind: encoder, input: one_hot"},
           {symbols, "kind: encoder, input: embedding, position: learned, norm_position: pre, final_norm: true"},
           {symbols, "kind: encoder, activation: gelu, num_kv_heads: 2, dropout: 0.1"},
           {symbols, "kind: encoder, activation: swiglu, position: rope, num_kv_heads: 1, bias: false"},
           {text, "kind: decoder"},
           {text, "kind: decoder, tie_embeddings: false, activation: geglu, norm: rms, position: rope, bias: false"},
           {text, "kind: decoder, window: 3, num_kv_heads: 2, position: alibi, dropout: 0.1"},
           {text, "kind: decoder, max_length: 50"}}) {
    for (const std::string train : {"", ", recompute: true", ", micro_batches: 3"}) {
      SCOPED_TRACE(model + train);
      ExperimentConfig config = config_of(task, model + ", " + blocks, train);
      const double counted = product_operations(config);
      EXPECT_GT(counted, 1e5);
      EXPECT_EQ(counted, profiled(config));
    }
  }
}

// Kaplan et al. 2020 (Scaling Laws for Neural Language Models, table 1) and Chowdhery et al. 2022 (PaLM, appendix B): 6
// for each parameter and token, and 12 L d T for each token's attention to a whole sequence of T. The parameters are
// those of matrices; the embedding's matrix is one because the head is tied to it. Causal attention sees (T + 1) / 2
// tokens on average.
TEST(Operations, OfALanguageModelAreThoseOfTheScalingLaws) {
  const auto config = config_of("name: repeat, vocab_size: 40, seq_len: 32",
                                "kind: decoder, num_layers: 3, num_heads: 2, d_model: 16, bias: false");
  Parameters parameters;
  config.model->build(Scope::dry(parameters), config.task->sizes());
  double matrices = 0;
  for (const Parameter& parameter : parameters.list()) {
    const bool is_product = is_weight(parameter.kind) || parameter.value.name() == "embedding.weight";
    if (is_product) matrices += static_cast<double>(parameter.value.size());
  }
  EXPECT_EQ(matrices, 3 * 12 * 16 * 16 + 40 * 16);
  const double tokens = 6 * 32;
  EXPECT_EQ(product_operations(config), tokens * (6 * matrices + 12 * 3 * 16 * (32 + 1) / 2.0));
}

struct ModelOnly {
  Choice<ModelConfig> model;
  void describe(Fields& field) { field.variant("model", "kind", model, "the network"); }
};

// Forward and backward, of one example, as a profile counts them.
double profiled(const ModelConfig& config, const ModelSizes& sizes, const ModelInputs& inputs, bool recompute) {
  Parameters parameters;
  const auto model = config.build(Scope(parameters, 1, DType::float32), sizes);
  Profile profile;
  const Profiling on(profile);
  grad(sum((*model)(inputs, Pass::training(1, 0).with_recompute(recompute))), parameters.tensors());
  return profile.product_operations();
}

// Below, sums by hand: rows times rows and columns of a weight, or pairs times the width, for each product of the
// forward pass; each has a multiplication and an addition, and two of its like in the backward pass.
TEST(Operations, OfAClassifierAreAsAddedByHand) {
  for (const std::string pooling : {"mean", "cls"}) {
    SCOPED_TRACE(pooling);
    const auto config = read_config_text<ModelOnly>(
        "c.yaml",
        "model: {kind: classifier, num_layers: 2, num_heads: 2, d_model: 8, d_ff: 12, pooling: " + pooling + "}");
    const ModelSizes sizes{.vocab_size = 5, .classes = 3, .max_length = 7, .whole_sequences = true};
    const double tokens = pooling == "cls" ? 8 : 7;
    const double block = tokens * (24 * 8 + 8 * 8 + 12 * 8 + 8 * 12) + 2 * tokens * tokens * 8, head = 3 * 8;
    const ModelInputs inputs{.ids = Tokens({0, 1, 2, 3, 4, 0, 1}, {1, 7})};
    for (const bool recompute : {false, true}) {
      const double expected = 2 * ((recompute ? 4 : 3) * 2 * block + 3 * head);
      EXPECT_EQ(config.model->product_operations(sizes, recompute), expected);
      EXPECT_EQ(profiled(*config.model, sizes, inputs, recompute), expected);
    }
  }
}

TEST(Operations, OfAnEncoderDecoderAreAsAddedByHand) {
  const auto config = read_config_text<ModelOnly>(
      "c.yaml",
      "model: {kind: encoder_decoder, num_layers: 2, num_decoder_layers: 3, num_heads: 4, num_kv_heads: 2, "
      "d_model: 8, d_ff: 12}");
  const ModelSizes sizes{
      .vocab_size = 5, .classes = 5, .max_length = 3, .source_vocab_size = 6, .source_max_length = 4};
  const double source_block = 4 * (16 * 8 + 8 * 8 + 12 * 8 + 8 * 12) + 2 * (4 * 4) * 8;
  const double self = 3 * (16 * 8 + 8 * 8) + 2 * (1 + 2 + 3) * 8;
  const double cross = 3 * (8 * 8 + 8 * 8) + 4 * (8 * 8) + 2 * (3 * 4) * 8, feed_forward = 3 * (12 * 8 + 8 * 12);
  const double head = 3 * (5 * 8);
  const ModelInputs inputs{.ids = Tokens({0, 1, 2}, {1, 3}), .source = Tokens({5, 4, 3, 2}, {1, 4})};
  for (const bool recompute : {false, true}) {
    const double expected =
        2 * ((recompute ? 4 : 3) * 2 * source_block + 3 * (3 * (self + cross + feed_forward) + head));
    EXPECT_EQ(config.model->product_operations(sizes, recompute), expected);
    EXPECT_EQ(profiled(*config.model, sizes, inputs, recompute), expected);
  }
}

// The last block's feed-forward layer and the head see the asked place alone; attention-only blocks have no other.
TEST(Operations, OfADecoderOfOneAnswerAreAsAddedByHand) {
  for (const bool feed_forward : {true, false}) {
    const auto config = read_config_text<ModelOnly>(
        "c.yaml",
        fmt::format("model: {{kind: decoder, num_layers: 2, num_heads: 2, d_model: 8, d_ff: 12, feed_forward: {}}}",
                    feed_forward));
    const ModelSizes sizes{.vocab_size = 5, .classes = 5, .max_length = 3, .asked_places = 1};
    const double attention = 3 * (24 * 8 + 8 * 8) + 2 * (1 + 2 + 3) * 8, head = 5 * 8;
    const double transformed = feed_forward ? (3 + 1) * (12 * 8 + 8 * 12) : 0;
    const double expected = 3 * 2 * (2 * attention + transformed + head);
    EXPECT_EQ(config.model->product_operations(sizes, false), expected);
    const ModelInputs inputs{.ids = Tokens({0, 1, 2}, {1, 3})};
    EXPECT_EQ(profiled(*config.model, sizes, inputs, false), expected);
  }
}

// As many as there are, one by one.
TEST(Operations, PairsOfAMaskAreThoseThatItLetsThrough) {
  for (const Mask& mask :
       {Mask::none(), Mask::causal(), Mask::causal(2), Mask::sliding_window(3), Mask::sliding_window(2, 4),
        Mask::padding({6, 0, 3}), Mask::causal() & Mask::padding({2, 6, 1}),
        Mask::sliding_window(2, 1) & Mask::padding({0, 5, 3})}) {
    SCOPED_TRACE(mask.to_string());
    double pairs = 0;
    for (int64_t sample = 0; sample < 3; ++sample) {
      for (int64_t query = 0; query < 5; ++query) {
        for (int64_t key = 0; key < 6; ++key) pairs += mask.may_attend(sample, 0, query, key);
      }
    }
    EXPECT_EQ(mask.pairs(3, 5, 6), pairs);
  }
}

}  // namespace
}  // namespace transformlet
