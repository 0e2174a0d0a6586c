// The golden files are whole: every array fits its case, and their meaning is what the README says (attention is
// computed here by plain loops from the recorded inputs).
#include "tests/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"

namespace transformlet {
namespace {

struct FileAndCases {
  const char* file;
  size_t at_least;
};
class GoldenFile : public testing::TestWithParam<FileAndCases> {};

TEST_P(GoldenFile, IsWhole) {
  const auto cases = load_golden(GetParam().file);
  EXPECT_GE(cases.size(), GetParam().at_least);
  std::set<std::string> names;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_TRUE(names.insert(c.name).second) << "stands twice";
    for (const auto& [name, gradient] : c.gradients) {
      ASSERT_TRUE(c.inputs.contains(name)) << name;
      EXPECT_EQ(gradient.shape, c.inputs.at(name).shape) << name;
    }
    bool cotangent_given = false;
    for (const auto& [name, input] : c.inputs) {
      if (!name.starts_with("cotangent.")) continue;
      cotangent_given = true;
      const std::string output = name.substr(std::string("cotangent.").size());
      ASSERT_TRUE(c.outputs.contains(output)) << name;
      EXPECT_EQ(input.shape, c.outputs.at(output).shape) << name;
    }
    EXPECT_EQ(cotangent_given, !c.gradients.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFile,
                         testing::Values(FileAndCases{"attention.json", 10},
                                         FileAndCases{"multihead_attention.json", 10},
                                         FileAndCases{"encoder_layer.json", 10}, FileAndCases{"mlp.json", 4},
                                         FileAndCases{"decoder.json", 4}, FileAndCases{"parity.json", 6},
                                         FileAndCases{"ops.json", 10}, FileAndCases{"optimizers.json", 10},
                                         FileAndCases{"gradcheck.json", 10}),
                         [](const auto& info) {
                           const std::string file = info.param.file;
                           return file.substr(0, file.find('.'));
                         });

TEST(Golden, AMissingFileOrCaseIsNamed) {
  EXPECT_THROW(load_golden("nowhere.json"), Error);
  EXPECT_THROW(golden_case(load_golden("ops.json"), "nowhere"), Error);
}

TEST(Golden, ErrorIsRelativeToTheLargestExpected) {
  const GoldenArray expected{{3}, {1, -4, 2}};
  EXPECT_EQ(golden_error(expected, std::vector<double>{1, -4, 3}), 0.25);
  EXPECT_EQ(golden_error(expected, std::vector<float>{1, -4, 3}), 0.25);
  EXPECT_EQ(golden_error({{2}, {0, 0}}, std::vector<double>{0, 0.5}), 0.5);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(golden_error(expected, std::vector<double>{1, -4}), infinity);
  EXPECT_EQ(golden_error(expected, std::vector<double>{1, -4, std::nan("")}), infinity);
}

// Attention as its definition says, for q, k, v of (B, H, T, D) or (T, D).
struct PlainAttention {
  std::vector<double> values, weights;
};

PlainAttention plain_attention(const GoldenCase& c) {
  const auto& q = c.inputs.at("q");
  const auto& k = c.inputs.at("k");
  const auto& v = c.inputs.at("v");
  const size_t axes = q.shape.size();
  const int64_t batch = axes == 4 ? q.shape[0] : 1, heads = axes == 4 ? q.shape[1] : 1;
  const int64_t kv_heads = axes == 4 ? k.shape[1] : 1;
  const int64_t queries = q.shape[axes - 2], keys = k.shape[axes - 2];
  const int64_t size = q.shape[axes - 1], value_size = v.shape[axes - 1];
  auto setting = [&](const char* name, double otherwise) {
    return c.settings.contains(name) ? c.settings.at(name) : otherwise;
  };
  const double scale = setting("scale", 1 / std::sqrt(static_cast<double>(size)));
  const double infinity = std::numeric_limits<double>::infinity();

  auto may_attend = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    const double position = static_cast<double>(i) + setting("query_offset", 0), key = static_cast<double>(j);
    if (setting("causal", 0) == 1 && (key > position || key <= position - setting("window", infinity))) return false;
    if (c.inputs.contains("lengths") && key >= c.inputs.at("lengths").data[b]) return false;
    if (!c.inputs.contains("dense_mask")) return true;
    const auto& mask = c.inputs.at("dense_mask");
    int64_t row = 0;  // which (Tq, Tk) matrix of the mask
    if (mask.shape.size() == 3) row = b;
    if (mask.shape.size() == 4) row = b * mask.shape[1] + (mask.shape[1] == 1 ? 0 : h);
    return mask.data[(row * queries + i) * keys + j] == 1;
  };

  PlainAttention result;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < queries; ++i) {
        const double* query = &q.data[((b * heads + h) * queries + i) * size];
        const int64_t kv_rows = (b * kv_heads + h / (heads / kv_heads)) * keys;
        std::vector<double> weights(keys, 0.0), values(value_size, 0.0);
        double sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          if (!may_attend(b, h, i, j)) continue;
          double score = 0;
          for (int64_t d = 0; d < size; ++d) score += query[d] * k.data[(kv_rows + j) * size + d];
          sum += weights[j] = std::exp(score * scale);
        }
        for (int64_t j = 0; j < keys; ++j) {
          if (sum > 0) weights[j] /= sum;
          for (int64_t d = 0; d < value_size; ++d) values[d] += weights[j] * v.data[(kv_rows + j) * value_size + d];
        }
        result.weights.insert(result.weights.end(), weights.begin(), weights.end());
        result.values.insert(result.values.end(), values.begin(), values.end());
      }
  return result;
}

TEST(Golden, AttentionIsWhatPlainLoopsCompute) {
  for (const auto& c : load_golden("attention.json")) {
    if (c.name == "published") continue;
    SCOPED_TRACE(c.name);
    const auto plain = plain_attention(c);
    EXPECT_LT(golden_error(c.outputs.at("values"), plain.values), golden_tolerance_float64);
    if (c.outputs.contains("weights")) {
      EXPECT_LT(golden_error(c.outputs.at("weights"), plain.weights), golden_tolerance_float64);
    }
  }
}

TEST(Golden, ThePublishedExampleIsWhatPlainLoopsCompute) {
  const auto cases = load_golden("attention.json");
  const auto& published = golden_case(cases, "published");
  const auto plain = plain_attention(published);
  const double tolerance = published.settings.at("absolute_tolerance");
  for (size_t i = 0; i < plain.values.size(); ++i)
    EXPECT_NEAR(plain.values[i], published.outputs.at("values").data[i], tolerance);
  for (size_t i = 0; i < plain.weights.size(); ++i)
    EXPECT_NEAR(plain.weights[i], published.outputs.at("weights").data[i], tolerance);
}

}  // namespace
}  // namespace transformlet
