// First and second derivatives of every layer against finite differences in float64: by its inputs and its parameters.
#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "layers/classifier.h"
#include "layers/decoder.h"
#include "layers/encoder_decoder.h"
#include "layers/sequence_predictor.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// A layer as a function of its input; `make` builds it with parameters in the scope.
using Forward = std::function<Tensor(const TensorList&)>;

struct Setting {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Forward(const Scope&)> make;
  int64_t most_entries = 0;  // of each input and parameter; 0: all
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

const Tokens ids({2, 0, 2, 1, 4, 2}, {2, 3});
const Pass training = Pass::training(3, 4);

Forward attention(const Scope& scope, const Mask& mask, double dropout, bool weights, bool cross) {
  const MultiheadAttention layer(scope / "attention", {.d_model = 6, .num_heads = 2, .dropout = dropout});
  return [=](const TensorList& in) {
    if (weights) {
      const auto both =
          cross ? layer.with_weights(in[0], in[1], mask, training) : layer.with_weights(in[0], mask, training);
      return concatenate({reshape(both.output, {both.output.size()}), reshape(both.weights, {both.weights.size()})}, 0);
    }
    return cross ? layer(in[0], in[1], mask, training) : layer(in[0], mask, training);
  };
}

Forward block(const Scope& scope, NormPosition position, Activation activation, const Mask& mask, double dropout) {
  const EncoderBlock layer(scope / "block", {.num_heads = 2,
                                             .d_model = 4,
                                             .d_ff = 6,
                                             .norm_position = position,
                                             .activation = activation,
                                             .dropout = dropout});
  return [=](const TensorList& in) { return layer(in[0], mask, training); };
}

Forward predictor(const Scope& scope, const SequencePredictorOptions& options, const Mask& mask) {
  const SequencePredictor model(scope, options, {.vocab_size = 5, .classes = 4, .max_length = 4});
  return [=](const TensorList&) { return model(ids, mask, training); };
}

// As Llama's are: RMSNorm, a gated feed-forward layer, rotary positions or ALiBi, shared heads of keys and values.
Setting llama_block(const std::string& name, bool rotary, Activation activation, const Mask& mask) {
  return {name, {{2, 3, 8}}, [=](const Scope& scope) -> Forward {
            const EncoderBlock layer(scope / "block", {.num_heads = 4,
                                                       .d_model = 8,
                                                       .d_ff = 6,
                                                       .num_kv_heads = 2,
                                                       .norm = NormKind::rms,
                                                       .norm_position = NormPosition::pre,
                                                       .activation = activation,
                                                       .rotary = rotary,
                                                       .alibi = !rotary,
                                                       .dropout = 0.1,
                                                       .bias = false});
            return [=](const TensorList& in) { return layer(in[0], mask, training); };
          }};
}

// Writes for a source that is padded.
Setting encoder_decoder(NormPosition position, bool tied) {
  const std::string name = fmt::format("encoder_decoder_{}", tied ? "tied" : "untied");
  return {name, {}, [=](const Scope& scope) -> Forward {
            EncoderDecoderOptions options{
                .encoder = {.num_heads = 2, .d_model = 4, .d_ff = 6, .norm_position = position},
                .decoder = {.num_heads = 2, .d_model = 4, .d_ff = 6, .norm_position = position},
                .tie_embeddings = tied};
            options.encoder.activation = options.decoder.activation = Activation::gelu;
            options.encoder.dropout = options.decoder.dropout = 0.2;
            const EncoderDecoder model(
                scope, options,
                {.vocab_size = 5, .classes = 5, .max_length = 3, .source_vocab_size = 6, .source_max_length = 4});
            const ModelInputs inputs{
                .ids = ids, .source = Tokens({1, 5, 0, 2, 3, 3, 0, 0}, {2, 4}), .source_mask = Mask::padding({4, 2})};
            return [=](const TensorList&) { return model(inputs, training); };
          }};
}

Setting classifier(Pooling pooling) {
  return {pooling == Pooling::mean ? "classifier_mean" : "classifier_cls", {}, [=](const Scope& scope) -> Forward {
            const Classifier model(scope,
                                   {.blocks = {.num_heads = 2, .d_model = 4, .d_ff = 6, .activation = Activation::gelu},
                                    .pooling = pooling},
                                   {.vocab_size = 5, .classes = 3, .max_length = 3});
            return [=](const TensorList&) { return model(ids, Mask::padding({3, 2}), training); };
          }};
}

// With GPT-2's dropout, and weights large enough to matter.
Setting decoder(bool tied, bool bias, bool recompute) {
  const std::string name = fmt::format("decoder{}{}{}", tied ? "_tied" : "_untied", bias ? "" : "_without_bias",
                                       recompute ? "_recomputed" : "");
  return {name,
          {},
          [=](const Scope& scope) -> Forward {
            const Decoder model(scope,
                                {.blocks = {.num_layers = 2,
                                            .num_heads = 2,
                                            .d_model = 4,
                                            .d_ff = 6,
                                            .norm_position = NormPosition::pre,
                                            .activation = Activation::gelu,
                                            .dropout = 0.2,
                                            .hidden_dropout = false,
                                            .final_norm = true,
                                            .bias = bias},
                                 .tie_embeddings = tied},
                                {.vocab_size = 5, .classes = 5, .max_length = 4});
            return [=](const TensorList&) { return model(ids, {}, training.with_recompute(recompute)); };
          },
          6};
}

std::vector<Setting> settings() {
  const Mask padded = Mask::causal() & Mask::padding({4, 2});
  std::vector<Setting> list = {
      {"linear",
       {{2, 3, 4}},
       [](const Scope& scope) -> Forward {
         return [layer = Linear(scope / "linear", 4, 5)](const TensorList& in) { return layer(in[0]); };
       }},
      {"linear_without_bias",
       {{3, 4}},
       [](const Scope& scope) -> Forward {
         return [layer = Linear(scope / "linear", 4, 5, false)](const TensorList& in) { return layer(in[0]); };
       }},
      {"embedding",
       {},
       [](const Scope& scope) -> Forward {
         return [layer = Embedding(scope / "embedding", 6, 3)](const TensorList&) { return layer(ids); };
       }},
      {"layer_norm",
       {{2, 3, 5}},
       [](const Scope& scope) -> Forward {
         return [layer = LayerNorm(scope / "norm", 5)](const TensorList& in) { return layer(in[0]); };
       }},
      {"layer_norm_without_bias",
       {{2, 3, 5}},
       [](const Scope& scope) -> Forward {
         return [layer = LayerNorm(scope / "norm", 5, false)](const TensorList& in) { return layer(in[0]); };
       }},
      {"rms_norm", {{2, 3, 5}}, [](const Scope& scope) -> Forward {
         return [layer = RMSNorm(scope / "norm", 5)](const TensorList& in) { return layer(in[0]); };
       }}};
  for (const auto& [name, activation] : {std::pair{"relu", Activation::relu}, std::pair{"gelu", Activation::gelu},
                                         std::pair{"gelu_tanh", Activation::gelu_tanh}}) {
    list.push_back(
        {std::string("feed_forward_") + name, {{2, 3, 4}}, [activation](const Scope& scope) -> Forward {
           const FeedForwardOptions options{.d_model = 4, .d_ff = 6, .activation = activation, .dropout = 0.3};
           return [layer = FeedForward(scope / "ff", options)](const TensorList& in) { return layer(in[0], training); };
         }});
  }
  const auto add_attention = [&](std::string name, std::vector<Shape> inputs, const Mask& mask, double dropout) {
    for (const bool weights : {false, true}) {
      list.push_back({(weights ? "attention_with_weights_" : "attention_") + name, inputs,
                      [=, cross = inputs.size() == 2](const Scope& scope) {
                        return attention(scope, mask, dropout, weights, cross);
                      },
                      40});
    }
  };
  add_attention("self", {{2, 4, 6}}, {}, 0);
  add_attention("causal", {{2, 4, 6}}, Mask::causal(), 0);
  add_attention("padding_causal_dropout", {{2, 4, 6}}, padded, 0.3);
  add_attention("sees_nothing", {{2, 4, 6}}, Mask::padding({0, 3}), 0);
  add_attention("cross", {{2, 3, 6}, {2, 4, 6}}, {}, 0);
  add_attention("cross_padding_dropout", {{2, 3, 6}, {2, 4, 6}}, Mask::padding({4, 1}), 0.3);
  for (const NormPosition position : {NormPosition::post, NormPosition::pre}) {
    const std::string norm = position == NormPosition::pre ? "pre" : "post";
    list.push_back({"block_" + norm + "_gelu_causal_dropout",
                    {{2, 4, 4}},
                    [=](const Scope& scope) { return block(scope, position, Activation::gelu, padded, 0.3); },
                    20});
    list.push_back({"block_" + norm + "_relu",
                    {{2, 3, 4}},
                    [=](const Scope& scope) { return block(scope, position, Activation::relu, {}, 0.0); },
                    20});
    for (const Input input : {Input::one_hot, Input::embedding}) {
      const bool embedded = input == Input::embedding;
      list.push_back({"predictor_" + norm + (embedded ? "_embedding" : "_one_hot"),
                      {},
                      [=](const Scope& scope) {
                        SequencePredictorOptions options;
                        options.encoder = {.num_layers = 2,
                                           .num_heads = 2,
                                           .d_model = 4,
                                           .d_ff = 6,
                                           .norm_position = position,
                                           .activation = embedded ? Activation::gelu : Activation::relu,
                                           .dropout = 0.2,
                                           .final_norm = position == NormPosition::pre};
                        options.position = embedded ? Position::learned : Position::sinusoidal;
                        options.input = input;
                        options.input_dropout = 0.2;
                        return predictor(scope, options, embedded ? Mask::causal() : Mask());
                      },
                      6});
    }
  }
  list.push_back(llama_block("llama_block_swiglu", true, Activation::swiglu, Mask::causal()));
  list.push_back(llama_block("llama_block_silu_alibi", false, Activation::silu, Mask::sliding_window(2)));
  list.push_back(encoder_decoder(NormPosition::post, false));
  list.push_back(encoder_decoder(NormPosition::pre, true));
  list.push_back(classifier(Pooling::mean));
  list.push_back(classifier(Pooling::cls));
  list.push_back(llama_block("llama_block_geglu", true, Activation::geglu, Mask::padding({3, 1})));
  for (const bool recompute : {false, true}) {
    list.push_back(decoder(true, true, recompute));
    list.push_back(decoder(false, false, recompute));
  }
  return list;
}

class LayerGradcheck : public testing::TestWithParam<Setting> {
 protected:
  LayerGradcheck() {
    forward_ = GetParam().make(Scope(parameters_, 1, DType::float64));
    for (size_t i = 0; i < GetParam().inputs.size(); ++i) {
      leaves_.push_back(random_leaf("input " + std::to_string(i), GetParam().inputs[i]));
    }
    // Biases and gains at 0 and 1 would hide what multiplies them: every parameter is moved a little.
    for (const Parameter& parameter : parameters_.list()) {
      Tensor value = parameter.value;
      const std::vector<double> noise = random_tensor(value.name(), value.shape()).to_vector();
      double* const values = overwrite<double>(value);
      for (size_t i = 0; i < noise.size(); ++i) values[i] += 0.2 * noise[i];
      leaves_.push_back(value);
    }
  }
  TensorFunction function() const {
    return [this](const TensorList& in) -> TensorList { return {forward_(in)}; };
  }

  Parameters parameters_;
  Forward forward_;
  TensorList leaves_;  // inputs, then parameters, which the layer reads by itself
};

TEST_P(LayerGradcheck, First) {
  const auto result = gradcheck(function(), leaves_, {.max_entries = GetParam().most_entries});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.rows.size(), leaves_.size());
  // Kernels against references, without any difference.
  EXPECT_EQ(result.identities.at(0).verdict, Verdict::pass) << result.identities[0].note;
  EXPECT_LT(result.identities[0].error, 1e-12);
}

TEST_P(LayerGradcheck, Second) {
  const int64_t most = GetParam().most_entries == 0 ? 30 : std::max<int64_t>(3, GetParam().most_entries / 3);
  const auto result = gradgradcheck(function(), leaves_, {.max_entries = most});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.identities.at(0).verdict, Verdict::pass) << result.identities[0].note;
}

TEST_P(LayerGradcheck, TheGraphIsComplete) {
  for (const Finding& finding : audit(function(), leaves_)) ADD_FAILURE() << finding.text;
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerGradcheck, testing::ValuesIn(settings()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
