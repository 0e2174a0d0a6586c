// Attention in a report: the weights that the model has, what the mask hides, and how much of it is kept.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/decoder.h"
#include "study/attention_factors.h"
#include "tests/train/report_tools.h"
#include "train/report/attention_maps.h"
#include "train/report/loaded_run.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

ShownExample example_of(int64_t length) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>(i * i % 11));
  ShownExample example;
  example.batch.inputs = Tokens(ids, {1, length});
  return example;
}

struct SmallModel {
  explicit SmallModel(int64_t max_length, int64_t window = 0)
      : model(Scope(parameters, 3, DType::float32), options(window),
              {.vocab_size = 11, .classes = 11, .max_length = max_length}) {}

  static DecoderOptions options(int64_t window) {
    DecoderOptions result;
    result.blocks = {
        .num_layers = 2, .num_heads = 2, .d_model = 8, .d_ff = 16, .initializers = gpt2_initializers(2, 0.5)};
    result.init_deviation = 0.5;
    result.window = window;
    return result;
  }

  // Of the second layer: (heads, T, T).
  std::vector<double> weights(const ShownExample& example) const {
    const NoRecording off;
    Collector collector("blocks.1.attention.weights");
    model(example.batch.model_inputs(), Pass::evaluation().with_tap(collector));
    return collector.activations()[0].to_vector();
  }

  Parameters parameters;
  Decoder model;
};

TEST(ReportAttention, DenseWeightsAreTheModels) {
  const SmallModel small(10, 4);
  const std::vector<ShownExample> examples = {example_of(10), example_of(7)};
  AttentionMaps maps;
  maps.add(5, small.model, examples, 2);
  const Json json = maps.json();
  EXPECT_EQ(json.at("checkpoints"), Json({5}));
  EXPECT_EQ(json.at("examples"), Json({0, 1}));
  const Json& map = json.at("maps")[1];
  for (size_t k = 0; k < 2; ++k) {
    const int64_t length = examples[k].batch.inputs.size();
    const Json& shown = map.at("weights")[0][k];
    const auto values = unpacked<uint16_t>(shown.at("values"));
    const auto visible = unpacked<uint8_t>(shown.at("visible"));
    const std::vector<double> expected = small.weights(examples[k]);
    ASSERT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(values[i] / 65535.0, expected[i], 0.51 / 65535);  // half a unit, and float32
      const auto query = static_cast<int64_t>(i) / length % length, key = static_cast<int64_t>(i) % length;
      const int64_t byte = query * ((length + 7) / 8) + key / 8;
      EXPECT_EQ(visible[static_cast<size_t>(byte)] >> key % 8 & 1, key <= query && key > query - 4);
    }
  }
}

TEST(ReportAttention, FactorsOfLongSequencesGiveTheModelsWeights) {
  const SmallModel small(300);
  const std::vector<ShownExample> examples = {example_of(300)};
  AttentionMaps maps;
  maps.add(5, small.model, examples, 2);
  const Json json = maps.json();
  const Json& shown = json.at("maps")[1].at("weights")[0][0];
  const auto query = unpacked<uint16_t>(shown.at("query")), key = unpacked<uint16_t>(shown.at("key"));
  const auto normalizer = unpacked<float>(shown.at("normalizer"));
  const std::vector<double> expected = small.weights(examples[0]);
  const double scale = shown.at("scale");
  for (size_t row = 0; row < 600; row += 7) {
    for (size_t k = 0; k <= row % 300; ++k) {
      double product = 0;
      for (size_t i = 0; i < 4; ++i) {
        product += static_cast<double>(half_value(query[row * 4 + i])) *
                   static_cast<double>(half_value(key[(row / 300 * 300 + k) * 4 + i]));
      }
      const double weight = std::exp(scale * product - static_cast<double>(normalizer[row]));
      EXPECT_NEAR(weight, expected[row * 300 + k], 0.02 * expected[row * 300 + k]);  // float16, as in study's test
    }
  }
  EXPECT_FALSE(json.at("maps")[1].at("heads_labels")[0][1].at("scores").empty());
}

// Of one example the two layers have 2 heads of 55 visible pairs of 2 bytes each: 440 bytes in all.
TEST(ReportAttention, WhatIsKeptFitsTheBytes) {
  const SmallModel small(10);
  const std::vector<ShownExample> examples(3, example_of(10));
  const auto extent = [&](size_t checkpoints, double bytes) {
    const AttentionExtent found = attention_extent(small.model, examples, checkpoints, bytes);
    EXPECT_EQ(found.all_layers, 2u);
    return std::vector<size_t>{found.checkpoints, found.examples, found.layers};
  };
  EXPECT_EQ(extent(5, 1e6), (std::vector<size_t>{5, 3, 2}));
  EXPECT_EQ(extent(5, 5 * 3 * 440), (std::vector<size_t>{5, 3, 2}));
  EXPECT_EQ(extent(9, 9 * 3 * 440 - 1), (std::vector<size_t>{8, 3, 2}));  // checkpoints go first
  EXPECT_EQ(extent(9, 4 * 3 * 440 - 1), (std::vector<size_t>{5, 2, 2}));  // but four of them are wanted
  EXPECT_EQ(extent(9, 440), (std::vector<size_t>{1, 1, 2}));
  EXPECT_EQ(extent(9, 439), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(extent(9, 110), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(extent(9, 109), (std::vector<size_t>{0, 0, 1}));  // more than twice as large
}

TEST(ReportAttention, ChosenPlacesAreSpreadEvenly) {
  EXPECT_EQ(evenly_chosen(5, 9), (std::vector<size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(evenly_chosen(9, 5), (std::vector<size_t>{0, 2, 4, 6, 8}));
  EXPECT_EQ(evenly_chosen(100, 4), (std::vector<size_t>{0, 33, 66, 99}));
  EXPECT_EQ(evenly_chosen(7, 2), (std::vector<size_t>{0, 6}));
  EXPECT_EQ(evenly_chosen(7, 1), (std::vector<size_t>{6}));
  EXPECT_TRUE(evenly_chosen(7, 0).empty());
  EXPECT_TRUE(evenly_chosen(0, 3).empty());
}

}  // namespace
}  // namespace transformlet
