#include "layers/decoder.h"

#include <cmath>

#include "base/registry.h"

namespace transformlet {
namespace {

constexpr double gpt2_deviation = 0.02;

}  // namespace

BlockInitializers gpt2_initializers(int64_t num_layers) {
  const double residual = gpt2_deviation / std::sqrt(2.0 * static_cast<double>(num_layers));
  return {.qkv = normal(gpt2_deviation), .up = normal(gpt2_deviation), .residual = normal(residual)};
}

Decoder::Decoder(const Scope& scope, const DecoderOptions& options, const ModelSizes& sizes)
    : embedding(scope / "embedding", sizes.vocab_size, options.blocks.d_model, normal(gpt2_deviation)),
      positions(scope / "positions", options.position, sizes.max_length, options.blocks.d_model),
      embedding_dropout(scope / "embedding" / "dropout", options.blocks.dropout),
      blocks(scope / "decoder", options.blocks) {
  if (options.tie_embeddings) {
    require(sizes.vocab_size == sizes.classes,
            "the decoder predicts {} classes from {} ids: set model.tie_embeddings to false", sizes.classes,
            sizes.vocab_size);
  } else {
    head.emplace(scope / "head", options.blocks.d_model, sizes.classes, false, normal(gpt2_deviation),
                 ParameterKind::outer_weight);
  }
}

Tensor Decoder::embed(const Tokens& ids, const Pass& pass) const {
  require(ids.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", ids.shape());
  return embedding_dropout(positions(embedding(ids)), pass);
}

Tensor Decoder::operator()(const Tokens& ids, const Mask& mask, const Pass& pass) const {
  const Tensor x = blocks(embed(ids, pass), mask & Mask::causal(), pass);
  return head ? (*head)(x) : linear(x, embedding.weight);
}

TensorList Decoder::attention_maps(const Tokens& ids, const Mask& mask) const {
  return blocks.attention_maps(embed(ids, Pass::evaluation()), mask & Mask::causal());
}

std::vector<NamedLayer> Decoder::layers() const {
  std::vector<NamedLayer> result = blocks.layers();
  if (head) result.push_back(named_layer("head", embedding.weight.dim(1), *head));
  return result;
}

namespace {

struct DecoderConfig : ModelConfig {
  static constexpr const char* name = "decoder";
  static constexpr const char* help = "a language model as GPT-2 is: embedding, causal blocks, norm, tied head";

  int64_t num_layers = 2, num_heads = 4, d_model = 128, d_ff = 0;
  std::string norm_position = "pre", activation = "gelu", position = "learned";
  bool bias = true, tie_embeddings = true;
  double dropout = 0.0;

  void describe(Fields& field) override {
    field("num_layers", num_layers, "number of blocks", between(1, 1000));
    field("num_heads", num_heads, "attention heads in a block", between(1, 1000));
    field("d_model", d_model, "width of the residual stream", between(1, 100000), multiple_of(num_heads, "num_heads"));
    field("d_ff", d_ff, "hidden width of the feed-forward layer; 0: 4 d_model", between(0, 1000000));
    field("norm_position", norm_position, "x + sublayer(norm(x)) and a final norm, or norm(x + sublayer(x))",
          one_of({"pre", "post"}));
    field("activation", activation, "of the feed-forward layer", one_of({"relu", "gelu", "gelu_tanh"}));
    field("position", position, "how positions are told", one_of({"none", "sinusoidal", "learned"}));
    field("bias", bias, "in linear layers and norms");
    field("tie_embeddings", tie_embeddings, "the head's weight is the embedding's");
    field("dropout", dropout, "on embeddings, attention weights and sublayers' outputs", at_least(0), less_than(1));
  }

  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    // Embedding, sum with positions, dropout, final norm and its input; logits and their gradient.
    return transformlet::activations_per_token(options().blocks, recompute) + 5.0 * static_cast<double>(d_model) +
           2.0 * static_cast<double>(sizes.classes);
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    return std::make_unique<Decoder>(scope, options(), sizes);
  }

 private:
  DecoderOptions options() const {
    const auto norms = chosen<NormPosition>(norm_position, {"post", "pre"});
    return {.blocks = {.num_layers = num_layers,
                       .num_heads = num_heads,
                       .d_model = d_model,
                       .d_ff = d_ff == 0 ? 4 * d_model : d_ff,
                       .norm_position = norms,
                       .activation = chosen<Activation>(activation, {"relu", "gelu", "gelu_tanh"}),
                       .dropout = dropout,
                       .hidden_dropout = false,
                       .final_norm = norms == NormPosition::pre,
                       .bias = bias,
                       .initializers = gpt2_initializers(num_layers)},
            .position = chosen<Position>(position, {"none", "sinusoidal", "learned"}),
            .tie_embeddings = tie_embeddings};
  }
};

const Registered<ModelConfig, DecoderConfig> registered;

}  // namespace
}  // namespace transformlet
