// Whole models against the same in plain PyTorch: GPT-2, Llama, nn.TransformerEncoder, nn.Transformer. Outputs,
// gradients, and the losses of 20 steps of AdamW.
#include <gtest/gtest.h>

#include "layers/decoder.h"
#include "layers/encoder_decoder.h"
#include "tests/golden_training.h"

namespace transformlet {
namespace {

// The losses are about 1 and 20 steps long: errors of 1e-16 in a gradient are divided by its own size in Adam, and so
// grow by some powers of ten. A wrong update is off in the third digit.
constexpr double loss_tolerance = 1e-8;

class Parity : public testing::TestWithParam<GoldenCase> {
 protected:
  int64_t setting(const char* name) const { return static_cast<int64_t>(golden.settings.at(name)); }
  bool is_encoder() const { return golden.words.at("layout") == "torch-encoder"; }
  bool is_transformer() const { return golden.words.at("layout") == "torch-transformer"; }

  EncoderOptions blocks() const {
    const bool llama = golden.words.at("layout") == "hf-llama";
    EncoderOptions options{.num_layers = setting("num_layers"),
                           .num_heads = setting("num_heads"),
                           .d_model = setting("d_model"),
                           .d_ff = setting("d_ff"),
                           .num_kv_heads = setting("num_kv_heads"),
                           .norm = llama ? NormKind::rms : NormKind::layer,
                           .norm_epsilon = golden.settings.at("norm_epsilon"),
                           .norm_position = NormPosition::pre,
                           .activation = chosen<Activation>(golden.words.at("activation"), activation_names),
                           .rotary = llama,
                           .final_norm = true};
    if (llama) options.rotary_base = golden.settings.at("rotary_base");
    if (is_encoder() || is_transformer()) {
      options.norm_position = chosen<NormPosition>(golden.words.at("norm_position"), {"post", "pre"});
      options.final_norm = setting("final_norm") != 0;
    } else {
      options.bias = setting("bias") != 0;
    }
    return options;
  }

  // The output, and the loss, of a model with the recorded weights.
  struct Result {
    Tensor output, loss;
  };
  std::function<Result(const Pass&)> make(Parameters& parameters, DType dtype) const {
    const Scope scope(parameters, 0, dtype);
    if (is_encoder()) {
      const auto encoder = std::make_shared<Encoder>(scope, blocks());
      set_parameters(golden, parameters, dtype);
      const Tensor x = golden_leaf(golden, "x", dtype), target = golden_tensor(golden.inputs.at("target"), dtype);
      return [=](const Pass& pass) -> Result {
        const Tensor output = (*encoder)(x, {}, pass);
        return {output, mean(square(output - target))};
      };
    }
    const std::shared_ptr<Model> model = make_model(scope);
    set_parameters(golden, parameters, dtype);
    const ModelInputs inputs{.ids = golden_tokens(golden.inputs.at("ids")),
                             .mask = padding("lengths"),
                             .source = is_transformer() ? golden_tokens(golden.inputs.at("source")) : Tokens(),
                             .source_mask = padding("source_lengths")};
    const Tokens targets = golden_tokens(golden.inputs.at("targets"));
    return [=](const Pass& pass) -> Result {
      const Tensor logits = (*model)(inputs, pass);
      return {logits, cross_entropy(logits, targets) / static_cast<double>(counted_targets(targets))};
    };
  }

  // Of a language model, or of one that writes for a source.
  std::shared_ptr<Model> make_model(const Scope& scope) const {
    const int64_t length = golden.inputs.at("ids").shape[1];
    ModelSizes sizes{.vocab_size = setting("vocab_size"), .classes = setting("vocab_size"), .max_length = length};
    if (is_transformer()) {
      EncoderDecoderOptions options{
          .encoder = blocks(), .decoder = blocks(), .tie_embeddings = setting("tie_embeddings") != 0};
      options.decoder.num_layers = setting("num_decoder_layers");
      sizes.source_vocab_size = setting("source_vocab_size");
      sizes.source_max_length = golden.inputs.at("source").shape[1];
      return std::make_shared<EncoderDecoder>(scope, options, sizes);
    }
    const bool learned = golden.inputs.contains("positions.weight");
    const DecoderOptions options{.blocks = blocks(),
                                 .position = learned ? Position::learned : Position::none,
                                 .tie_embeddings = setting("tie_embeddings") != 0};
    return std::make_shared<Decoder>(scope, options, sizes);
  }

  Mask padding(const char* lengths) const {
    const auto found = golden.inputs.find(lengths);
    return found == golden.inputs.end() ? Mask()
                                        : Mask::padding({found->second.data.begin(), found->second.data.end()});
  }

  const GoldenCase& golden = GetParam();
};

TEST_P(Parity, OutputsAndGradientsMatchPyTorch) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    SCOPED_TRACE(name_of(dtype));
    Parameters parameters;
    const auto model = make(parameters, dtype);
    const Result result = model(Pass::evaluation());
    expect_golden(golden.outputs.at(is_encoder() ? "output" : "logits"), result.output, "output");
    expect_golden(golden.outputs.at("loss"), result.loss, "loss");
    const TensorList gradients =
        grad(result.loss, parameters.tensors(), {.seeds = {golden_tensor(golden.inputs.at("cotangent.loss"), dtype)}});
    ASSERT_EQ(gradients.size() + (is_encoder() ? 1 : 0), golden.gradients.size());  // the encoder's x has one, too
    for (size_t i = 0; i < gradients.size(); ++i) {
      const std::string name = parameters.list()[i].value.name();
      expect_golden(golden.gradients.at(name), gradients[i], name);
    }
  }
}

TEST_P(Parity, TwentyStepsOfAdamWMatchPyTorch) {
  Parameters parameters;
  const auto model = make(parameters, DType::float64);
  expect_losses_of_adamw(golden, parameters, 20, loss_tolerance, [&](const Pass& pass) { return model(pass).loss; });
}

INSTANTIATE_TEST_SUITE_P(Cases, Parity, testing::ValuesIn(load_golden("parity.json")),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
