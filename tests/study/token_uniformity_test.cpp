// How far tokens are from being the same, against matrices by hand, and that attention alone makes them so.
#include <gtest/gtest.h>

#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

struct Given : Model {
  Tensor operator()(const ModelInputs&, const Pass& pass) const override {
    return pass.tap("encoder.blocks.1", "output", x);
  }
  std::vector<NamedLayer> layers() const override { return {}; }
  Tensor x;
};

// Rows 1 -4 and 3 0: rows' sums 5 and 3, columns' 4 and 4. Their mean is 2 -2, the residual -1 -2 and 1 2: rows' sums 3
// and 3, columns' 2 and 4. The second sequence has one token, and padding behind it.
TEST(RankProbe, IsTheRatioOfNorms) {
  Given model;
  model.x = tensor({1, -4, 3, 0, 5, 5, 9, -9}, {2, 2, 2}, DType::float64);
  const ModelInputs examples{.ids = Tokens({1, 2, 3, 0}, {2, 2}), .mask = Mask::padding({2, 1})};
  const auto values = measured("rank", view_of(model, Parameters(), examples));
  ASSERT_EQ(values.size(), 1u);
  EXPECT_NEAR(values.at("encoder.blocks.1.output/residual"), std::sqrt(4.0 * 3) / std::sqrt(4.0 * 5) / 2, 1e-15);
}

// Attention that looks at nothing in particular averages: without skips all tokens are the same after one block.
TEST(RankProbe, UniformAttentionCollapses) {
  DecoderOptions options = small_decoder();
  options.blocks.norm = NormKind::none;
  options.blocks.skip = options.blocks.feed_forward = false;
  options.blocks.initializers.qkv = normal(1.0);
  Parameters parameters;
  const Encoder encoder(Scope(parameters, 1, DType::float64), options.blocks);
  for (const Parameter& parameter : parameters.list()) {
    if (!parameter.value.name().ends_with("qkv.weight")) continue;
    Tensor weight = parameter.value;
    std::fill_n(overwrite<double>(weight), 2 * 8 * 8, 0.0);  // queries and keys
  }
  struct Whole : Model {
    explicit Whole(const Encoder& encoder) : encoder(encoder) {}
    Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override {
      return encoder(one_hot(inputs.ids, 8, DType::float64), {}, pass);
    }
    std::vector<NamedLayer> layers() const override { return {}; }
    const Encoder& encoder;
  };
  const ModelInputs examples{.ids = Tokens({1, 2, 3, 4, 5, 5}, {2, 3})};
  const auto values = measured("rank", view_of(Whole(encoder), parameters, examples));
  ASSERT_EQ(values.size(), 3u);
  EXPECT_GT(values.at("blocks.0.input/residual"), 0.5);
  EXPECT_LT(values.at("blocks.0.output/residual"), 1e-14);  // rounding
  EXPECT_LT(values.at("blocks.1.output/residual"), 1e-14);
}

}  // namespace
}  // namespace transformlet
