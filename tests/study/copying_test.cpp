// Heads that copy, and heads that do the opposite.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_tools.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

void set(const Tensor& parameter, const std::vector<double>& values) {
  Tensor x = parameter;
  std::ranges::copy(values, overwrite<double>(x));
}

// Embedding and head tell eight ids apart by one coordinate each; norms only scale. W_V of the first head reads the
// first four coordinates, and W_O writes there: a rotation by 1 in two of them, 2 and -1 times the others, whose
// eigenvalues are e^i, e^-i, 2 and -1. The second head's W_O is 0.
TEST(CopyingProbe, WeighsEigenvaluesOfAHeadMadeByHand) {
  DecoderOptions options = small_decoder();
  options.blocks.norm = NormKind::rms;
  options.blocks.num_layers = 1;
  SmallDecoder small(options);
  std::vector<double> units(11 * 8, 0.0), qkv(24 * 8, 0.0), out(8 * 8, 0.0);
  for (size_t i = 0; i < 8; ++i) units[i * 8 + i] = 1;
  for (size_t i = 0; i < 8; ++i) qkv[(16 + i) * 8 + i] = 1;
  const double cosine = std::cos(1.0), sine = std::sin(1.0);
  const double rotation[4][4] = {{cosine, -sine, 0, 0}, {sine, cosine, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, -1}};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) out[i * 8 + j] = rotation[i][j];
  }
  set(small.parameter("embedding.weight"), units);
  set(small.parameter("head.weight"), units);
  set(small.parameter("decoder.blocks.0.attention.qkv.weight"), qkv);
  set(small.parameter("decoder.blocks.0.attention.out.weight"), out);
  auto values = measured("copying", small.view());
  ASSERT_EQ(values.size(), 1u);
  EXPECT_NEAR(values["decoder.blocks.0.attention.0/score"], (2 * cosine + 1) / 5, 1e-15);  // an eigenvalue's rounding
}

// With one matrix at both ends and W_O = W_V^T, token to token is positive semidefinite: all heads copy, in LayerNorm's
// models too, and whoever shares values. With the sign turned none does.
TEST(CopyingProbe, GoesFromMinusOneToOne) {
  DecoderOptions options = small_decoder();
  options.tie_embeddings = true;
  options.blocks.num_heads = 4;
  options.blocks.num_kv_heads = 2;
  SmallDecoder small(options);
  for (const double sign : {1.0, -1.0}) {
    for (const std::string block : {"0", "1"}) {
      const std::string path = "decoder.blocks." + block + ".attention.";
      const std::vector<double> qkv = small.parameter(path + "qkv.weight").to_vector();  // (8 + 4 + 4, 8)
      std::vector<double> out(8 * 8);
      for (size_t row = 0; row < 8; ++row) {
        for (size_t column = 0; column < 8; ++column) {  // two columns a head, two heads for each head of values
          const size_t value = 12 + column / 4 * 2 + column % 2;
          out[row * 8 + column] = sign * qkv[value * 8 + row];
        }
      }
      set(small.parameter(path + "out.weight"), out);
    }
    const auto values = measured("copying", small.view());
    ASSERT_EQ(values.size(), 8u);
    for (const auto& [name, score] : values)
      EXPECT_NEAR(score, sign, 1e-12) << name;  // eigenvalues of squares, rounded
  }
}

// Gains of norms stand between tokens and the head: a gain of the wrong sign turns a copying head round.
TEST(CopyingProbe, CountsGains) {
  DecoderOptions options = small_decoder();
  SmallDecoder small(options);
  const auto plain = measured("copying", small.view());
  for (const char* const name : {"decoder.blocks.0.attention_norm.gain", "decoder.final_norm.gain"}) {
    set(small.parameter(name), std::vector<double>(8, -3));
    const auto turned = measured("copying", small.view());
    for (const auto& [head, score] : plain) {
      const bool is_behind = std::string(name) == "decoder.final_norm.gain" || head.find("blocks.0") != head.npos;
      EXPECT_NEAR(turned.at(head), is_behind ? -score : score, 1e-12) << name << ", " << head;
    }
    set(small.parameter(name), std::vector<double>(8, 1));
  }
}

// LayerNorm takes away what all units have in common, of what a head reads and of what it writes.
TEST(CopyingProbe, CountsCentring) {
  SmallDecoder small;
  const auto plain = measured("copying", small.view());
  for (const char* const name : {"embedding.weight", "head.weight"}) {
    std::vector<double> shifted = small.parameter(name).to_vector();
    for (size_t i = 0; i < shifted.size(); ++i) shifted[i] += static_cast<double>(1 + i / 8);  // another for each row
    set(small.parameter(name), shifted);
  }
  for (const auto& [head, score] : measured("copying", small.view())) EXPECT_NEAR(score, plain.at(head), 1e-12) << head;
}

TEST(CopyingProbe, IsForDecodersWithAnIdForEachClass) {
  struct Other : Model {
    Tensor operator()(const ModelInputs&, const Pass&) const override { return {}; }
    std::vector<NamedLayer> layers() const override { return {}; }
  };
  const auto probe = registry<Probe>().at("copying").make();
  EXPECT_EQ(probe->misfit(Other(), {}), "compares the embedding with the head: it needs model.kind: decoder");
  EXPECT_EQ(probe->misfit(SmallDecoder().model, {}), "");
  Parameters parameters;
  const Decoder two_classes(Scope::dry(parameters), small_decoder(), {.vocab_size = 11, .classes = 2, .max_length = 9});
  EXPECT_EQ(probe->misfit(two_classes, {}),
            "compares what is read with what is predicted: the task has other classes than ids");
}

}  // namespace
}  // namespace transformlet
