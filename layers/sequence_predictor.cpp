#include "layers/sequence_predictor.h"

#include "base/registry.h"
#include "layers/block_config.h"

namespace transformlet {
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

Tensor SequencePredictor::operator()(const ModelInputs& inputs, const Pass& pass) const {
  const Tensor x = encoder(embed(inputs.ids, pass), inputs.mask, pass);
  return pass.tap("", "logits", head_out(head_dropout(relu(head_norm(head_hidden(x))), pass)));
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

  BlockConfig blocks;
  std::string input = "one_hot", packed_init = "together";
  bool final_norm = false;
  double input_dropout = 0.0;

  void describe(Fields& field) override {
    blocks.describe(field);
    field("final_norm", final_norm, "one more norm after the last block");
    field.check([&] { return !final_norm || blocks.norm != "none"; }, {"final_norm", "norm"},
                "there is none with norm: none");
    field("input", input, "how symbols enter: a projection of one-hot vectors, or an embedding",
          one_of({"one_hot", "embedding"}));
    field("packed_init", packed_init, "Xavier fan of the packed q, k, v projection: of all three together, or of each",
          one_of({"together", "apart"}));
    field("input_dropout", input_dropout, "on the input of the projection, or on the embeddings", at_least(0),
          less_than(1));
    field.check([&] { return packed_init == "together" || blocks.num_kv_heads == 0; }, {"packed_init", "num_kv_heads"},
                "apart: the parts are of unequal size with num_kv_heads");
  }

  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    return transformlet::activations_per_token(blocks.options(), recompute) +
           8.0 * static_cast<double>(blocks.d_model) + 2.0 * static_cast<double>(sizes.vocab_size) +
           4.0 * static_cast<double>(sizes.classes);
  }

  double product_operations(const ModelSizes& sizes, bool recompute) const override {
    const int64_t tokens = sizes.max_length;
    const auto d_model = static_cast<double>(blocks.d_model);
    const double stack =
        transformlet::product_operations(blocks.options(), tokens, Mask::none().pairs(1, tokens, tokens));
    const double head = 2 * static_cast<double>(tokens) * d_model * (d_model + static_cast<double>(sizes.classes));
    // One-hot vectors ask for no gradient.
    const double projection = 2 * static_cast<double>(tokens) * static_cast<double>(sizes.vocab_size) * d_model;
    return (recompute ? with_recomputation : forward_and_backward) * stack + forward_and_backward * head +
           (input == "one_hot" ? forward_and_backward - 1 : 0) * projection;
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    SequencePredictorOptions options;
    options.encoder = blocks.options();
    options.encoder.final_norm = final_norm;
    if (packed_init == "apart") options.encoder.initializers.qkv = xavier_uniform().in_parts(3);
    options.position = blocks.position_of_embeddings();
    options.input = chosen<Input>(input, {"one_hot", "embedding"});
    options.input_dropout = input_dropout;
    return std::make_unique<SequencePredictor>(scope, options, sizes);
  }
};

const Registered<ModelConfig, EncoderConfig> registered;

}  // namespace
}  // namespace transformlet
