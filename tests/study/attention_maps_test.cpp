// Attention as a report keeps it: which layers there are and what their masks hide, weights from rounded factors, and
// what heads are called.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/registry.h"
#include "layers/classifier.h"
#include "layers/decoder.h"
#include "study/attention_factors.h"
#include "study/attention_layers.h"
#include "study/head_labels.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Received : Tap {
  bool wants(std::string_view name) const override {
    return name.ends_with(".weights") || name.ends_with("attention.q") || name.ends_with("attention.k");
  }
  Tensor receive(std::string_view name, const Tensor& x) override {
    activations.emplace(name, x);
    return x;
  }

  std::map<std::string, Tensor> activations;
};

// All maps of a model on one sample: a weight is 0 where the mask hides, and nowhere else, and the factors give it
// back.
void expect_maps(const Model& model, const ModelInputs& inputs, size_t layers_expected) {
  const NoRecording off;
  Received tap;
  model(inputs, Pass::evaluation().with_tap(tap));
  const std::vector<AttentionLayer> layers = attention_layers(model, inputs);
  ASSERT_EQ(layers.size(), layers_expected);
  for (const AttentionLayer& layer : layers) {
    const std::string& path = layer.attention->path;
    const Tensor weights = tap.activations.at(path + ".weights");
    EXPECT_EQ(layer.is_cross(), path.find("cross") != path.npos);
    const int64_t source_length = inputs.source.size(), length = inputs.ids.shape()[1] + layer.in_front;
    EXPECT_EQ(weights.dim(2), layer.queries_source ? source_length : length) << path;
    EXPECT_EQ(weights.dim(3), layer.keys_source ? source_length : length) << path;
    std::vector<std::vector<float>> seen;
    const AttentionFactors factors =
        attention_factors(layer, tap.activations.at(path + ".q"), tap.activations.at(path + ".k"),
                          [&](int64_t head, const std::vector<float>& one) {
                            EXPECT_EQ(head, static_cast<int64_t>(seen.size()));
                            seen.push_back(one);
                          });
    const int64_t queries = weights.dim(2), keys = weights.dim(3), size = factors.head_size;
    for (int64_t row = 0; row < factors.heads * queries; ++row) {
      const int64_t head = row / queries, query = row % queries;
      double sum = 0;
      for (int64_t key = 0; key < keys; ++key) {
        const double weight = weights.to_vector()[static_cast<size_t>(row * keys + key)];
        const bool sees = layer.mask.may_attend(0, head, query, key);
        ASSERT_EQ(weight > 0, sees) << path << ", head " << head << ", " << query << ", " << key;
        if (!sees) {
          EXPECT_EQ(seen[static_cast<size_t>(head)][static_cast<size_t>(query * keys + key)], 0);
          continue;
        }
        double score = 0;
        const int64_t kv_row = head * factors.kv_heads / factors.heads * keys + key;
        for (int64_t i = 0; i < size; ++i) {
          score += static_cast<double>(half_value(factors.query[static_cast<size_t>(row * size + i)])) *
                   static_cast<double>(half_value(factors.key[static_cast<size_t>(kv_row * size + i)]));
        }
        score *= factors.scale;
        if (!factors.bias_slopes.empty()) {
          score -= factors.bias_slopes[static_cast<size_t>(head)] * static_cast<double>(std::abs(query - key));
        }
        const double rebuilt = std::exp(score - static_cast<double>(factors.normalizer[static_cast<size_t>(row)]));
        // Scores are below 10; float16 has 11 bits, and a score has two roundings in each product.
        EXPECT_NEAR(rebuilt, weight, 0.02 * weight) << path;
        EXPECT_NEAR(seen[static_cast<size_t>(head)][static_cast<size_t>(query * keys + key)], rebuilt, 1e-5 * rebuilt);
        sum += rebuilt;
      }
      EXPECT_NEAR(sum, sum > 0 ? 1 : 0, 1e-5);  // the normalizer is a float32
    }
  }
}

struct Made {
  Made(const std::string& kind, const ModelSizes& sizes)
      : model(registry<ModelConfig>().at(kind).make()->build(Scope(parameters, 1, DType::float64), sizes)) {}

  Parameters parameters;
  std::unique_ptr<Model> model;
};

TEST(AttentionLayers, OfAnEncoder) {
  const Made made("encoder", {.vocab_size = 5, .classes = 5, .max_length = 6});
  const Tokens ids({1, 2, 3, 4, 0, 1}, {1, 6});
  expect_maps(*made.model, {.ids = ids}, 1);
  expect_maps(*made.model, {.ids = ids, .mask = Mask::padding({4})}, 1);
  expect_maps(*made.model, {.ids = ids, .mask = Mask::causal()}, 1);
}

TEST(AttentionLayers, OfAnEncoderDecoder) {
  const Made made("encoder_decoder",
                  {.vocab_size = 5, .classes = 5, .max_length = 6, .source_vocab_size = 4, .source_max_length = 7});
  const ModelInputs inputs{.ids = Tokens({1, 2, 3, 4, 0}, {1, 5}),
                           .source = Tokens({3, 2, 1, 0, 0, 1, 2}, {1, 7}),
                           .source_mask = Mask::padding({6})};
  const size_t layers = attention_layers(*made.model, inputs).size();
  EXPECT_EQ(layers % 3, 0u);
  expect_maps(*made.model, inputs, layers);
}

TEST(AttentionLayers, OfAClassifier) {
  for (const Pooling pooling : {Pooling::mean, Pooling::cls}) {
    Parameters parameters;
    ClassifierOptions options;
    options.blocks = {.num_layers = 2, .num_heads = 2, .d_model = 8, .d_ff = 16};
    options.pooling = pooling;
    const Classifier model(Scope(parameters, 1, DType::float64), options,
                           {.vocab_size = 5, .classes = 3, .max_length = 6, .whole_sequences = true});
    expect_maps(model, {.ids = Tokens({1, 2, 3, 4}, {1, 4}), .mask = Mask::padding({3})}, 2);
  }
}

TEST(AttentionLayers, OfDecodersWithWindowsSharedHeadsAndAlibi) {
  for (const int64_t window : {0, 3}) {
    for (const bool alibi : {false, true}) {
      Parameters parameters;
      DecoderOptions options;
      options.blocks = {.num_layers = 2, .num_heads = 4, .d_model = 16, .d_ff = 16, .num_kv_heads = 2};
      options.blocks.alibi = alibi;
      options.blocks.rotary = !alibi;
      options.position = Position::none;
      options.window = window;
      options.init_deviation = 1;
      const Decoder model(Scope(parameters, 1, DType::float64), options,
                          {.vocab_size = 5, .classes = 5, .max_length = 8});
      expect_maps(model, {.ids = Tokens({1, 2, 3, 4, 0, 1, 1, 2}, {1, 8})}, 2);
    }
  }
}

TEST(HalfBits, AreThoseOfIeee754) {
  // Python's struct.pack('<e', x) has the same.
  EXPECT_EQ(half_bits(0.0F), 0);
  EXPECT_EQ(half_bits(-0.0F), 0x8000);
  EXPECT_EQ(half_bits(1.0F), 0x3c00);
  EXPECT_EQ(half_bits(-2.5F), 0xc100);
  EXPECT_EQ(half_bits(0.1F), 0x2e66);
  EXPECT_EQ(half_bits(65504.0F), 0x7bff);
  EXPECT_EQ(half_bits(65519.0F), 0x7bff);
  EXPECT_EQ(half_bits(65520.0F), 0x7c00);
  EXPECT_EQ(half_bits(-INFINITY), 0xfc00);
  EXPECT_EQ(half_bits(0x1p-24F), 1);
  EXPECT_EQ(half_bits(0x1p-25F), 0);    // halfway, to the even one
  EXPECT_EQ(half_bits(0x1.8p-24F), 2);  // halfway, to the even one
  EXPECT_EQ(half_bits(0x1.ff8p-15F), 0x3ff);
  EXPECT_TRUE(std::isnan(half_value(half_bits(NAN))));
}

// Every finite float16 comes back, and what lies halfway between two goes to the even one.
TEST(HalfBits, RoundToTheNearest) {
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = half_value(bits), high = half_value(bits + 1);
    ASSERT_EQ(half_bits(low), bits);
    ASSERT_LT(low, high);
    const float middle = (low + high) / 2;  // exact in float32
    ASSERT_EQ(half_bits(middle), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(half_bits(-std::nextafter(middle, 0.0F)), 0x8000 + bits);
    ASSERT_EQ(half_bits(std::nextafter(middle, INFINITY)), bits + 1);
  }
}

// A head whose queries put all weight on one key each.
HeadLabel label_of(int64_t length, const Mask& mask, const std::vector<int32_t>& ids,
                   const std::function<int64_t(int64_t)>& key_of, bool is_cross = false) {
  std::vector<float> weights(static_cast<size_t>(length * length));
  for (int64_t query = 0; query < length; ++query) {
    const int64_t key = key_of(query);
    for (int64_t k = 0; k < length; ++k) {
      if (key >= 0 ? k == key : mask.may_attend(0, 0, query, k)) {
        weights[static_cast<size_t>(query * length + k)] = key >= 0 ? 1 : 1 / static_cast<float>(length);
      }
    }
  }
  HeadScores scores;
  scores.add(weights.data(), length, length, mask, 0, ids, is_cross);
  return scores.label();
}

TEST(HeadLabels, SayWhereTheWeightLies) {
  const std::vector<int32_t> ids = {3, 1, 4, 2, 0, 3, 1, 4, 2, 0};  // five tokens, twice
  const auto self = [&](const std::function<int64_t(int64_t)>& key, const Mask& mask = {}) {
    return label_of(10, mask, ids, key);
  };
  EXPECT_EQ(self([](int64_t i) { return std::max<int64_t>(0, i - 1); }, Mask::causal()).label, "previous");
  EXPECT_EQ(self([](int64_t i) { return std::min<int64_t>(9, i + 1); }).label, "next");
  EXPECT_EQ(self([](int64_t i) { return i; }).label, "diagonal");
  EXPECT_EQ(self([](int64_t i) { return 9 - i; }).label, "anti-diagonal");
  EXPECT_EQ(self([](int64_t) { return 0; }, Mask::causal()).label, "first");
  EXPECT_EQ(self([](int64_t i) { return i >= 5 ? i - 4 : 0; }, Mask::causal()).label, "induction");
  EXPECT_EQ(self([](int64_t i) { return (i + 5) % 10; }).label, "same token");
  EXPECT_EQ(self([](int64_t) { return -1; }).label, "uniform");
  const HeadLabel three_off = self([](int64_t i) { return (i + 3) % 10; });
  EXPECT_EQ(three_off.label, "mixed");
  EXPECT_EQ(three_off.score, 0);
}

TEST(HeadLabels, OfCrossAttentionAreOfPlacesOnly) {
  const HeadLabel label = label_of(
      10, {}, {}, [](int64_t i) { return std::max<int64_t>(0, i - 1); }, true);
  EXPECT_EQ(label.label, "mixed");
  for (const auto& [name, score] : label.scores) EXPECT_TRUE(name != "previous" && name != "induction") << name;
}

// Under a causal mask the first query has no choice, so it is no witness.
TEST(HeadLabels, QueriesWithoutAChoiceDoNotCount) {
  HeadScores scores;
  const float one = 1;
  for (int i = 0; i < 10; ++i) scores.add(&one, 1, 1, Mask::causal(), 0, {0}, false);
  EXPECT_TRUE(scores.label().scores.empty());
}

}  // namespace
}  // namespace transformlet
