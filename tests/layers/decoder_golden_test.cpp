// The decoder against a model that PyTorch computes as nanoGPT builds it: logits, gradients, five steps of AdamW.
#include <gtest/gtest.h>

#include "layers/decoder.h"
#include "tests/golden_training.h"

namespace transformlet {
namespace {

class DecoderGolden : public testing::TestWithParam<GoldenCase> {
 protected:
  int64_t setting(const char* name) const { return static_cast<int64_t>(golden.settings.at(name)); }

  DecoderOptions options() const {
    const std::string& activation = golden.words.at("activation");
    return {.blocks = {.num_layers = setting("num_layers"),
                       .num_heads = setting("num_heads"),
                       .d_model = setting("d_model"),
                       .d_ff = setting("d_ff"),
                       .norm_position = NormPosition::pre,
                       .activation = activation == "relu"   ? Activation::relu
                                     : activation == "gelu" ? Activation::gelu
                                                            : Activation::gelu_tanh,
                       .final_norm = true,
                       .bias = setting("bias") != 0},
            .tie_embeddings = setting("tie_embeddings") != 0};
  }

  // The decoder with the recorded weights.
  std::unique_ptr<Decoder> make(Parameters& parameters, DType dtype) const {
    auto model = std::make_unique<Decoder>(
        Scope(parameters, 0, dtype), options(),
        ModelSizes{
            .vocab_size = setting("vocab_size"), .classes = setting("vocab_size"), .max_length = ids.shape()[1]});
    set_parameters(golden, parameters, dtype);
    return model;
  }

  Tensor loss_of(const Tensor& logits) const {
    return cross_entropy(logits, targets) / static_cast<double>(targets.size());
  }

  const GoldenCase& golden = GetParam();
  const Tokens ids = golden_tokens(golden.inputs.at("ids")), targets = golden_tokens(golden.inputs.at("targets"));
};

TEST_P(DecoderGolden, LogitsAndGradientsMatchPyTorch) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const bool recompute : {false, true}) {
      SCOPED_TRACE(fmt::format("{}{}", name_of(dtype), recompute ? " recomputed" : ""));
      Parameters parameters;
      const auto model = make(parameters, dtype);
      const Tensor logits = (*model)(ids, {}, Pass::evaluation().with_recompute(recompute)), loss = loss_of(logits);
      expect_golden(golden.outputs.at("logits"), logits, "logits");
      expect_golden(golden.outputs.at("loss"), loss, "loss");
      expect_gradients(golden, {loss}, {golden_tensor(golden.inputs.at("cotangent.loss"), dtype)}, {}, parameters);
    }
  }
}

TEST_P(DecoderGolden, FiveStepsOfAdamWMatchPyTorch) {
  Parameters parameters;
  const auto model = make(parameters, DType::float64);
  expect_losses_of_adamw(golden, parameters, 5, golden_tolerance_float64,
                         [&](const Pass& pass) { return loss_of((*model)(ids, {}, pass)); });
}

INSTANTIATE_TEST_SUITE_P(Cases, DecoderGolden, testing::ValuesIn(load_golden("decoder.json")),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
