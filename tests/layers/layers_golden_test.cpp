// Layers against PyTorch's recordings: parameters are set by their names, which are the recording's too.
#include <gtest/gtest.h>

#include "layers/encoder.h"
#include "tests/golden_parameters.h"

namespace transformlet {
namespace {

class MultiheadGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(MultiheadGolden, MatchesPyTorch) {
  const GoldenCase& golden = GetParam();
  const bool cross = golden.inputs.contains("memory");
  const bool weights_count = golden.inputs.contains("cotangent.weights");
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const bool with_weights : {false, true}) {
      if (!with_weights && weights_count) continue;  // the gradient through the weights too
      SCOPED_TRACE(fmt::format("{}{}", name_of(dtype), with_weights ? " with weights" : ""));
      Parameters parameters;
      const MultiheadAttention attention(Scope(parameters, 0, dtype),
                                         {.d_model = static_cast<int64_t>(golden.settings.at("d_model")),
                                          .num_heads = static_cast<int64_t>(golden.settings.at("num_heads")),
                                          .bias = golden.settings.at("bias") != 0});
      set_parameters(golden, parameters, dtype);
      TensorList inputs = {golden_leaf(golden, "x", dtype)};
      if (cross) inputs.push_back(golden_leaf(golden, "memory", dtype));
      const Mask mask = golden_mask(golden);
      const Pass pass = Pass::evaluation();
      MultiheadAttention::Result result;
      if (with_weights) {
        result = cross ? attention.with_weights(inputs[0], inputs[1], mask, pass)
                       : attention.with_weights(inputs[0], mask, pass);
        expect_golden(golden.outputs.at("weights"), result.weights, "weights");
      } else {
        result.output = cross ? attention(inputs[0], inputs[1], mask, pass) : attention(inputs[0], mask, pass);
      }
      expect_golden(golden.outputs.at("output"), result.output, "output");
      TensorList ys = {result.output}, seeds = {golden_tensor(golden.inputs.at("cotangent.output"), dtype)};
      if (weights_count) {
        ys.push_back(result.weights);
        seeds.push_back(golden_tensor(golden.inputs.at("cotangent.weights"), dtype));
      }
      expect_gradients(golden, ys, seeds, inputs, parameters);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, MultiheadGolden, testing::ValuesIn(load_golden("multihead_attention.json")),
                         [](const auto& info) { return info.param.name; });

class EncoderGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(EncoderGolden, MatchesPyTorch) {
  const GoldenCase& golden = GetParam();
  const auto setting = [&](const char* name) { return static_cast<int64_t>(golden.settings.at(name)); };
  EXPECT_EQ(golden.settings.at("epsilon"), 1e-5);  // LayerNorm's default
  const EncoderOptions options = {
      .num_layers = setting("num_layers"),
      .num_heads = setting("num_heads"),
      .d_model = setting("d_model"),
      .d_ff = setting("d_ff"),
      .norm_position = golden.words.at("norm_position") == "pre" ? NormPosition::pre : NormPosition::post,
      .activation = golden.words.at("activation") == "gelu" ? Activation::gelu : Activation::relu,
      .final_norm = setting("final_norm") != 0};
  for (const DType dtype : {DType::float64, DType::float32}) {
    SCOPED_TRACE(name_of(dtype));
    Parameters parameters;
    const Scope scope(parameters, 0, dtype);
    const Tensor x = golden_leaf(golden, "x", dtype);
    const Mask mask = golden_mask(golden);
    Tensor y;
    if (setting("stack") != 0) {
      const Encoder encoder(scope, options);
      set_parameters(golden, parameters, dtype);
      y = encoder(x, mask, Pass::evaluation());
    } else {
      const EncoderBlock block(scope, options);
      set_parameters(golden, parameters, dtype);
      y = block(x, mask, Pass::evaluation());
    }
    expect_golden(golden.outputs.at("output"), y, "output");
    expect_gradients(golden, {y}, {golden_tensor(golden.inputs.at("cotangent.output"), dtype)}, {x}, parameters);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, EncoderGolden, testing::ValuesIn(load_golden("encoder_layer.json")),
                         [](const auto& info) { return info.param.name; });

TEST(SinusoidalPositions, MatchTheRecordedTable) {
  const auto cases = load_golden("ops.json");
  for (const char* name : {"sinusoidal_positions_6", "sinusoidal_positions_8"}) {
    const GoldenCase& golden = golden_case(cases, name);
    for (const DType dtype : {DType::float64, DType::float32}) {
      const auto setting = [&](const char* key) { return static_cast<int64_t>(golden.settings.at(key)); };
      expect_golden(golden.outputs.at("positions"), sinusoidal_positions(setting("length"), setting("d_model"), dtype),
                    name);
    }
  }
}

}  // namespace
}  // namespace transformlet
