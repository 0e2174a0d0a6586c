#include "layers/sequence_predictor.h"

#include "base/registry.h"

namespace transformlet {
namespace {

// What the function makes, or nothing.
template <class Function>
auto only_if(bool condition, const Function& make) {
  return condition ? std::optional(make()) : std::nullopt;
}

}  // namespace

SequencePredictor::SequencePredictor(const Scope& scope, const SequencePredictorOptions& given,
                                     const ModelSizes& given_sizes)
    : options(given),
      sizes(given_sizes),
      input_dropout(scope / "input" / "dropout", options.input_dropout),
      input_projection(only_if(options.input == Input::one_hot,
                               [&] {
                                 return Linear(scope / "input" / "projection", sizes.vocab_size,
                                               options.encoder.d_model, true, xavier_uniform(),
                                               ParameterKind::outer_weight);
                               })),
      embedding(
          only_if(options.input == Input::embedding,
                  [&] { return Embedding(scope / "input" / "embedding", sizes.vocab_size, options.encoder.d_model); })),
      positions(scope / "input" / "positions", options.position, sizes.max_length, options.encoder.d_model),
      encoder(scope / "encoder", options.encoder),
      head_hidden(scope / "head" / "hidden", options.encoder.d_model, options.encoder.d_model),
      head_norm(scope / "head" / "norm", options.encoder.d_model),
      head_dropout(scope / "head" / "dropout", options.encoder.dropout),
      head_out(scope / "head" / "out", options.encoder.d_model, sizes.classes, true, xavier_uniform(),
               ParameterKind::outer_weight) {}

Tensor SequencePredictor::embed(const Tokens& ids, const Pass& pass) const {
  require(ids.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", ids.shape());
  if (embedding) return positions(input_dropout((*embedding)(ids), pass));
  const Tensor symbols = one_hot(ids, sizes.vocab_size, input_projection->weight.dtype());
  return positions((*input_projection)(input_dropout(symbols, pass)));
}

Tensor SequencePredictor::operator()(const Tokens& ids, const Mask& mask, const Pass& pass) const {
  const Tensor x = encoder(embed(ids, pass), mask, pass);
  return head_out(head_dropout(relu(head_norm(head_hidden(x))), pass));
}

TensorList SequencePredictor::attention_maps(const Tokens& ids, const Mask& mask) const {
  return encoder.attention_maps(embed(ids, Pass::evaluation()), mask);
}

std::vector<NamedLayer> SequencePredictor::layers() const {
  const int64_t d_model = options.encoder.d_model;
  std::vector<NamedLayer> result = encoder.layers();
  if (input_projection) {
    result.insert(result.begin(), named_layer("input.projection", sizes.vocab_size, *input_projection));
  }
  result.push_back(named_layer("head.hidden", d_model, head_hidden));
  result.push_back(named_layer("head.norm", d_model, head_norm));
  result.push_back(named_layer("head.out", d_model, head_out));
  return result;
}

namespace {

struct EncoderConfig : ModelConfig {
  static constexpr const char* name = "encoder";
  static constexpr const char* help = "a prediction for each position: input, positions, encoder blocks, output head";

  int64_t num_layers = 1, num_heads = 1, d_model = 32, d_ff = 64;
  std::string norm_position = "post", activation = "relu", position = "sinusoidal", input = "one_hot";
  std::string packed_init = "together";
  bool final_norm = false;
  double dropout = 0.0, input_dropout = 0.0;

  void describe(Fields& field) override {
    field("num_layers", num_layers, "number of blocks", between(1, 1000));
    field("num_heads", num_heads, "attention heads in a block", between(1, 1000));
    field("d_model", d_model, "width of the residual stream", between(1, 100000), multiple_of(num_heads, "num_heads"));
    field("d_ff", d_ff, "hidden width of the feed-forward layer", between(1, 1000000));
    field("norm_position", norm_position, "norm(x + sublayer(x)) or x + sublayer(norm(x))", one_of({"post", "pre"}));
    field("final_norm", final_norm, "one more norm after the last block");
    field("activation", activation, "of the feed-forward layer", one_of({"relu", "gelu", "gelu_tanh"}));
    field("position", position, "how positions are told", one_of({"none", "sinusoidal", "learned"}));
    field("input", input, "how symbols enter: a projection of one-hot vectors, or an embedding",
          one_of({"one_hot", "embedding"}));
    field("packed_init", packed_init, "Xavier fan of the packed q, k, v projection: of all three together, or of each",
          one_of({"together", "apart"}));
    field("dropout", dropout, "on attention weights, hidden units and sublayers' outputs", at_least(0), less_than(1));
    field("input_dropout", input_dropout, "on the input of the projection, or on the embeddings", at_least(0),
          less_than(1));
  }

  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    return transformlet::activations_per_token(encoder_options(), recompute) + 8.0 * static_cast<double>(d_model) +
           2.0 * static_cast<double>(sizes.vocab_size) + 4.0 * static_cast<double>(sizes.classes);
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    SequencePredictorOptions options;
    options.encoder = encoder_options();
    options.position = chosen<Position>(position, {"none", "sinusoidal", "learned"});
    options.input = chosen<Input>(input, {"one_hot", "embedding"});
    options.input_dropout = input_dropout;
    return std::make_unique<SequencePredictor>(scope, options, sizes);
  }

 private:
  EncoderOptions encoder_options() const {
    return {.num_layers = num_layers,
            .num_heads = num_heads,
            .d_model = d_model,
            .d_ff = d_ff,
            .norm_position = chosen<NormPosition>(norm_position, {"post", "pre"}),
            .activation = chosen<Activation>(activation, {"relu", "gelu", "gelu_tanh"}),
            .dropout = dropout,
            .final_norm = final_norm,
            .initializers = {.qkv = packed_init == "apart" ? xavier_uniform().in_parts(3) : xavier_uniform()}};
  }
};

const Registered<ModelConfig, EncoderConfig> registered;

}  // namespace
}  // namespace transformlet
