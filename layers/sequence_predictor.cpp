#include "layers/sequence_predictor.h"

#include "base/registry.h"

namespace transformlet {
namespace {

// A layer of any form as a function of (x, mask, pass).
template <class Layer>
auto call(const Layer& layer) {
  return [&layer](const Tensor& x, [[maybe_unused]] const Mask& mask, [[maybe_unused]] const Pass& pass) {
    if constexpr (requires { layer(x, mask, pass); }) {
      return layer(x, mask, pass);
    } else if constexpr (requires { layer(x, pass); }) {
      return layer(x, pass);
    } else {
      return layer(x);
    }
  };
}

// What the function makes, or nothing.
template <class Function>
auto only_if(bool condition, const Function& make) {
  return condition ? std::optional(make()) : std::nullopt;
}

Tensor make_position_table(const Scope& scope, const SequencePredictorOptions& options, int64_t length) {
  const int64_t d_model = options.encoder.d_model;
  if (options.position == Position::learned) return Embedding(scope, length, d_model, normal(0.02)).weight;
  if (options.position == Position::none || scope.is_dry()) return {};
  return sinusoidal_positions(length, d_model, scope.dtype());
}

}  // namespace

SequencePredictor::SequencePredictor(const Scope& scope, const SequencePredictorOptions& given,
                                     const ModelSizes& given_sizes)
    : options(given),
      sizes(given_sizes),
      input_dropout(scope / "input" / "dropout", options.input_dropout),
      input_projection(
          only_if(options.input == Input::one_hot,
                  [&] { return Linear(scope / "input" / "projection", sizes.vocab_size, options.encoder.d_model); })),
      embedding(
          only_if(options.input == Input::embedding,
                  [&] { return Embedding(scope / "input" / "embedding", sizes.vocab_size, options.encoder.d_model); })),
      position_table(make_position_table(scope / "input" / "positions", options, sizes.max_length)),
      encoder(scope / "encoder", options.encoder),
      head_hidden(scope / "head" / "hidden", options.encoder.d_model, options.encoder.d_model),
      head_norm(scope / "head" / "norm", options.encoder.d_model),
      head_dropout(scope / "head" / "dropout", options.encoder.dropout),
      head_out(scope / "head" / "out", options.encoder.d_model, sizes.classes) {}

Tensor SequencePredictor::embed(const Tokens& ids, const Pass& pass) const {
  require(ids.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", ids.shape());
  const int64_t length = ids.shape()[1];
  require(!position_table.defined() || length <= sizes.max_length,
          "a sequence of {} is longer than the model's {} positions", length, sizes.max_length);
  Tensor x;
  if (input_projection) {
    const Tensor symbols = one_hot(ids, sizes.vocab_size, input_projection->weight.dtype());
    x = (*input_projection)(input_dropout(symbols, pass));
  } else {
    x = input_dropout((*embedding)(ids), pass);
  }
  if (!position_table.defined()) return x;
  return x + (length == sizes.max_length ? position_table : slice(position_table, 0, 0, length));
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
  std::vector<NamedLayer> result;
  if (input_projection) {
    result.push_back({"input.projection", sizes.vocab_size, call(*input_projection)});
  }
  for (const EncoderBlock& block : encoder.blocks) {
    result.push_back({block.path + ".attention", d_model, call(block.attention)});
    result.push_back({block.path + ".attention_norm", d_model, call(block.attention_norm)});
    result.push_back({block.path + ".feed_forward", d_model, call(block.feed_forward)});
    result.push_back({block.path + ".feed_forward_norm", d_model, call(block.feed_forward_norm)});
    result.push_back({block.path, d_model, call(block)});
  }
  result.push_back({"head.hidden", d_model, call(head_hidden)});
  result.push_back({"head.norm", d_model, call(head_norm)});
  result.push_back({"head.out", d_model, call(head_out)});
  return result;
}

namespace {

// The place of a value in a list of names: enums in configs are words.
template <class Enum>
Enum chosen(const std::string& word, std::initializer_list<const char*> names) {
  int index = 0;
  for (const char* const name : names) {
    if (word == name) return static_cast<Enum>(index);
    ++index;
  }
  fail("'{}' is none of {}", word, fmt::join(names, ", "));
}

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

  double activations_per_token(const ModelSizes& sizes) const override {
    // Each norm, projection, residual and dropout keeps one tensor; the packed projection three, the hidden layer two.
    const double block = 14.0 * static_cast<double>(d_model) + 3.0 * static_cast<double>(d_ff);
    return static_cast<double>(num_layers) * block + 8.0 * static_cast<double>(d_model) +
           2.0 * static_cast<double>(sizes.vocab_size) + 4.0 * static_cast<double>(sizes.classes);
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    SequencePredictorOptions options;
    options.encoder = {.num_layers = num_layers,
                       .num_heads = num_heads,
                       .d_model = d_model,
                       .d_ff = d_ff,
                       .norm_position = chosen<NormPosition>(norm_position, {"post", "pre"}),
                       .activation = chosen<Activation>(activation, {"relu", "gelu", "gelu_tanh"}),
                       .dropout = dropout,
                       .final_norm = final_norm,
                       .packed_init = chosen<PackedInit>(packed_init, {"together", "apart"})};
    options.position = chosen<Position>(position, {"none", "sinusoidal", "learned"});
    options.input = chosen<Input>(input, {"one_hot", "embedding"});
    options.input_dropout = input_dropout;
    return std::make_unique<SequencePredictor>(scope, options, sizes);
  }
};

const Registered<ModelConfig, EncoderConfig> registered;

}  // namespace
}  // namespace transformlet
