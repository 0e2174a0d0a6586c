// The decoder against a model that PyTorch computes as nanoGPT builds it: logits, gradients, five steps of AdamW.
#include <gtest/gtest.h>

#include "layers/decoder.h"
#include "optim/clip.h"
#include "optim/config.h"
#include "tests/golden_parameters.h"

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
  AdamWConfig config;
  config.betas = {golden.settings.at("beta1"), golden.settings.at("beta2")};
  config.weight_decay = golden.settings.at("weight_decay");
  std::vector<OptimizedParameter> optimized;
  for (const Parameter& parameter : parameters.list()) {
    optimized.push_back({parameter.value, is_weight(parameter.kind)});
  }
  const auto optimizer = make_optimizer(config, optimized);
  const GoldenArray& losses = golden.outputs.at("losses");
  ASSERT_EQ(losses.data.size(), 6u);
  for (size_t step = 0; step < losses.data.size(); ++step) {
    const Tensor loss = loss_of((*model)(ids, {}, Pass::training(1, static_cast<int64_t>(step))));
    EXPECT_NEAR(loss.item(), losses.data[step], golden_tolerance_float64 * losses.data[step]) << "step " << step;
    const TensorList gradients = grad(loss, parameters.tensors());
    optimizer->step(gradients, golden.settings.at("learning_rate"),
                    clip_scale(global_norm(gradients), golden.settings.at("clip_norm")));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, DecoderGolden, testing::ValuesIn(load_golden("decoder.json")),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
