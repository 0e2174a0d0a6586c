// The sizes of activations and the shares of dead units, against numbers made by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

// It has two activations, as given.
struct Fixed : Model {
  Tensor operator()(const ModelInputs&, const Pass& pass) const override {
    return pass.tap("encoder.blocks.0", "output", pass.tap("encoder.blocks.0.feed_forward", "hidden", x));
  }
  std::vector<NamedLayer> layers() const override { return {}; }

  Tensor x = tensor({1, 0, -2, 4,  //
                     2, 0, -1, 0,  //
                     9, 9, 9, 9},
                    {1, 3, 4}, DType::float64);
};

// The third token is padding; the second and third unit never fire.
TEST(ActivationsProbe, MeasuresSizeAndDeadUnits) {
  const ModelInputs examples{.ids = Tokens({1, 2, 3}, {1, 3}), .mask = Mask::padding({2})};
  auto values = measured("activations", view_of(Fixed(), Parameters(), examples));
  ASSERT_EQ(values.size(), 3u);
  const double rms = std::sqrt((1 + 4 + 16 + 4 + 1) / 8.0);
  EXPECT_DOUBLE_EQ(values["encoder.blocks.0.output/rms"], rms);
  EXPECT_DOUBLE_EQ(values["encoder.blocks.0.feed_forward.hidden/rms"], rms);
  EXPECT_EQ(values["encoder.blocks.0.feed_forward.hidden/dead"], 0.5);
}

// Of a source, the source's own padding counts.
TEST(ActivationsProbe, KnowsTheSourceFromWhatIsWritten) {
  const ModelInputs examples{
      .ids = Tokens({1}, {1, 1}), .source = Tokens({1, 2, 3}, {1, 3}), .source_mask = Mask::padding({1})};
  auto values = measured("activations", view_of(Fixed(), Parameters(), examples));
  EXPECT_DOUBLE_EQ(values["encoder.blocks.0.output/rms"], std::sqrt((1 + 4 + 16) / 4.0));
  EXPECT_EQ(values["encoder.blocks.0.feed_forward.hidden/dead"], 0.5);
}

// Vectors in place of ids have no padding, and need no places: here three samples of four units.
TEST(ActivationsProbe, MeasuresModelsOfRealNumbers) {
  Fixed model;
  model.x = reshape(model.x, {3, 4});
  const ModelInputs examples{.values = zeros({3, 2}, DType::float64)};
  auto values = measured("activations", view_of(model, Parameters(), examples));
  EXPECT_DOUBLE_EQ(values["encoder.blocks.0.output/rms"], std::sqrt((1 + 4 + 16 + 4 + 1 + 4 * 81) / 12.0));
  EXPECT_EQ(values["encoder.blocks.0.feed_forward.hidden/dead"], 0);
}

// A bias of -1000 switches off one hidden unit of sixteen; the units of a gated layer are not judged.
TEST(ActivationsProbe, FindsTheUnitThatWasSwitchedOff) {
  for (const Activation activation : {Activation::relu, Activation::gelu, Activation::swiglu}) {
    DecoderOptions options = small_decoder();
    options.blocks.activation = activation;
    SmallDecoder small(options);
    const std::string hidden = "decoder.blocks.1.feed_forward.hidden/";
    auto values = measured("activations", small.view());
    EXPECT_EQ(values.count(hidden + "rms"), 1u);
    EXPECT_EQ(values.count(hidden + "dead"), is_gated(activation) ? 0u : 1u);
    if (is_gated(activation)) continue;
    EXPECT_EQ(values[hidden + "dead"], 0);  // of 36 tokens, some switch on each of 16 units
    Tensor bias = small.parameter("decoder.blocks.1.feed_forward.up.bias");
    overwrite<double>(bias)[3] = -1000;
    EXPECT_EQ(measured("activations", small.view())[hidden + "dead"], 1.0 / 16);
  }
}

}  // namespace
}  // namespace transformlet
