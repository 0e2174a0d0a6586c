// The logit lens against models that do stop early, and the sum that logits are.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "study/logit_parts.h"
#include "tests/study/probe_tools.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

void copy_from(const SmallDecoder& other, const SmallDecoder& to) {
  for (const Parameter& parameter : to.parameters.list()) {
    Tensor x = parameter.value;
    const std::vector<double> values = other.parameter(x.name()).to_vector();
    std::ranges::copy(values, overwrite<double>(x));
  }
}

void fill(const Tensor& parameter, double value) {
  Tensor x = parameter;
  std::fill_n(overwrite<double>(x), x.size(), value);
}

int64_t likeliest(const std::vector<double>& logits, int64_t row) {
  const auto first = logits.begin() + row * 11;
  return std::max_element(first, first + 11) - first;
}

// After one block the lens says what the decoder of that one block says.
TEST(LogitLensProbe, SaysWhatAShorterDecoderSays) {
  for (const NormPosition position : {NormPosition::pre, NormPosition::post}) {
    DecoderOptions options = small_decoder();
    options.blocks.norm_position = position;
    options.blocks.final_norm = position == NormPosition::pre;
    SmallDecoder whole(options);
    std::vector<int32_t> targets = whole.targets.ids();
    targets[5] = targets[30] = -100;
    whole.targets = Tokens(targets, {4, 9});
    auto values = measured("logit_lens", whole.view());
    EXPECT_EQ(values.size(), position == NormPosition::pre ? 9u + 6u : 9u);
    const Tensor end = log_softmax(whole.model(whole.examples, Pass::evaluation()));
    for (const int64_t blocks : {1, 2}) {
      options.blocks.num_layers = blocks;
      SmallDecoder part(options);
      copy_from(whole, part);
      const Tensor logits = part.model(part.examples, Pass::evaluation());
      const std::string prefix = fmt::format("decoder.blocks.{}.output/", blocks - 1);
      // The mean of 34 losses, and of sums over 11 classes, each with roundings of numbers of the size of 1 to 10.
      EXPECT_NEAR(values[prefix + "loss"], cross_entropy(logits, whole.targets).item() / 34, 1e-13);
      const std::vector<double> kl = sum(exp(end) * (end - log_softmax(logits)), {-1}).to_vector();
      const std::vector<double> said = logits.to_vector(), said_in_the_end = end.to_vector();
      double sum_kl = 0, agree = 0;
      for (int64_t row = 0; row < 36; ++row) {
        if (targets[static_cast<size_t>(row)] < 0) continue;
        sum_kl += kl[static_cast<size_t>(row)];
        agree += likeliest(said, row) == likeliest(said_in_the_end, row);
      }
      EXPECT_NEAR(values[prefix + "kl"], sum_kl / 34, 1e-13);
      EXPECT_EQ(values[prefix + "agreement"], agree / 34);
      if (blocks == 2) continue;
      EXPECT_GT(sum_kl, 1);  // the second block matters
      EXPECT_LT(agree, 34);
    }
  }
}

// Sublayers that write nothing change nothing, and get no part of the logits.
TEST(LogitLensProbe, FindsThatNothingIsWritten) {
  SmallDecoder small;
  for (const Parameter& parameter : small.parameters.list()) {
    const std::string& name = parameter.value.name();
    if (name.find(".out.") != name.npos || name.find(".down.") != name.npos) fill(parameter.value, 0);
  }
  auto values = measured("logit_lens", small.view());
  EXPECT_EQ(values["decoder.blocks.0.input/kl"], 0);
  EXPECT_EQ(values["decoder.blocks.0.input/agreement"], 1);
  EXPECT_EQ(values["decoder.blocks.0.attention/attribution"], 0);
  EXPECT_EQ(values["decoder.blocks.1.feed_forward/attribution"], 0);
  EXPECT_NE(values["embedding/attribution"], 0);
}

TEST(LogitLensProbe, AttributesTheWholeLogit) {
  SmallDecoder small;
  std::vector<int32_t> targets = small.targets.ids();
  targets[7] = -100;
  small.targets = Tokens(targets, {4, 9});
  double total = 0;
  for (const auto& [name, value] : measured("logit_lens", small.view())) {
    if (name.ends_with("/attribution")) total += value;
  }
  const std::vector<double> logits = small.model(small.examples, Pass::evaluation()).to_vector();
  double expected = 0;
  for (size_t row = 0; row < 36; ++row) {
    if (targets[row] < 0) continue;
    const auto first = logits.begin() + static_cast<int64_t>(row) * 11;
    expected += (first[targets[row]] - std::accumulate(first, first + 11, 0.0) / 11) / 35;
  }
  EXPECT_NEAR(total, expected, 1e-14);  // of size 1, from sums of a hundred terms
}

// To the last bits: each logit is a sum of six parts of eight products.
TEST(LogitParts, AddUpToTheLogits) {
  for (const NormKind norm : {NormKind::layer, NormKind::rms}) {
    DecoderOptions options = small_decoder();
    options.blocks.norm = norm;
    options.tie_embeddings = norm == NormKind::rms;
    const SmallDecoder small(options);
    Tensor gain = small.parameter("decoder.final_norm.gain");
    for (int64_t i = 0; i < 8; ++i) overwrite<double>(gain)[i] = 0.5 + 0.25 * static_cast<double>(i);
    if (norm == NormKind::layer) fill(small.parameter("decoder.final_norm.bias"), 0.7);
    const LogitParts parts = logit_parts(small.model, small.examples);
    ASSERT_EQ(parts.names.size(), norm == NormKind::layer ? 6u : 5u);
    EXPECT_EQ(parts.names[0], "embedding");
    EXPECT_EQ(parts.names[1], "decoder.blocks.0.attention");
    EXPECT_EQ(parts.names[4], "decoder.blocks.1.feed_forward");
    const Tensor logits = small.model(small.examples, Pass::evaluation());
    Tensor total = zeros(logits.shape(), DType::float64), size = total;
    for (const Tensor& part : parts.parts) {
      total = total + linear(part, unembedding(small.model));
      size = maximum(size, maximum(total, -total));
    }
    const std::vector<double> expected = logits.to_vector(), found = total.to_vector();
    const double largest = max(reshape(size, {1, size.size()}), 1).item();
    // 48 products, each with some roundings of at most an epsilon of the largest partial sum.
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 48 * 2.2e-16 * largest) << i;
  }
}

TEST(LogitParts, AreNoneWhereNormsComeAfterSublayers) {
  DecoderOptions options = small_decoder();
  options.blocks.norm_position = NormPosition::post;
  options.blocks.final_norm = false;
  const SmallDecoder small(options);
  EXPECT_EQ(
      error_text([&] { logit_parts(small.model, small.examples); }),
      "logit_parts: logits are a sum over sublayers only of a decoder with skip connections and norm_position: pre");
}

}  // namespace
}  // namespace transformlet
