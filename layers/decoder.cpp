#include "layers/decoder.h"

#include <algorithm>
#include <cmath>

#include "base/registry.h"
#include "layers/block_config.h"

namespace transformlet {

BlockInitializers gpt2_initializers(int64_t num_layers, double deviation) {
  const double residual = deviation / std::sqrt(2.0 * static_cast<double>(num_layers));
  return {.qkv = normal(deviation), .up = normal(deviation), .residual = normal(residual)};
}

Decoder::Decoder(const Scope& scope, const DecoderOptions& options, const ModelSizes& sizes)
    : embedding(scope / "embedding", sizes.features > 0 ? sizes.features : sizes.vocab_size, options.blocks.d_model,
                normal(options.init_deviation)),
      positions(scope / "positions", options.position, sizes.max_length, options.blocks.d_model),
      embedding_dropout(scope / "embedding" / "dropout", options.embedding_dropout),
      window(options.window),
      asked_places(sizes.asked_places),
      blocks(scope / "decoder", options.blocks) {
  if (options.tie_embeddings) {
    require(sizes.features == 0 && sizes.vocab_size == sizes.classes,
            "the decoder predicts {} classes from {} ids: set model.tie_embeddings to false", sizes.classes,
            sizes.vocab_size);
  } else {
    head.emplace(scope / "head", options.blocks.d_model, sizes.classes, false,
                 normal(options.head_deviation.value_or(options.init_deviation)), ParameterKind::outer_weight);
  }
}

Mask Decoder::own_mask(int64_t offset) const {
  return window > 0 ? Mask::sliding_window(window, offset) : Mask::causal(offset);
}

Tensor Decoder::embed(const Tokens& ids, const Pass& pass) const {
  require(ids.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", ids.shape());
  return embedding_dropout(positions(embedding(ids), pass.offset()), pass);
}

Tensor Decoder::embed(const Tensor& values, const Pass& pass) const {
  const Tensor& table = embedding.weight;
  require(values.rank() == 3 && values.columns() == table.dim(0),
          "the model takes vectors of shape (batch, length, {}), not {}", table.dim(0), values);
  return embedding_dropout(positions(matmul(cast(values, table.dtype()), table), pass.offset()), pass);
}

Tensor Decoder::operator()(const ModelInputs& inputs, const Pass& pass) const {
  const bool real = inputs.values.defined();
  const int64_t asked = pass.has_listener() || pass.cache() != nullptr ? 0 : asked_places;
  const Tensor x = blocks(real ? embed(inputs.values, pass) : embed(inputs.ids, pass),
                          inputs.mask & own_mask(pass.offset()), pass, asked);
  const Tensor logits = pass.tap("", "logits", head ? (*head)(x) : linear(x, embedding.weight));
  const int64_t not_asked = (real ? inputs.values.dim(1) : inputs.ids.shape()[1]) - logits.dim(1);
  return not_asked == 0 ? logits : pad(logits, 1, not_asked, 0);
}

TensorList Decoder::attention_maps(const Tokens& ids, const Mask& mask) const {
  return blocks.attention_maps(embed(ids, Pass::evaluation()), mask & own_mask(0));
}

std::vector<NamedLayer> Decoder::layers() const {
  std::vector<NamedLayer> result = blocks.layers();
  if (head) result.push_back(named_layer("head", embedding.weight.dim(1), *head));
  return result;
}

namespace {

// GPT-2's keys are the defaults. Llama's: norm rms, activation swiglu, position rope, bias false, tie_embeddings false.
struct DecoderConfig : ModelConfig {
  static constexpr const char* name = "decoder";
  static constexpr const char* help = "a language model: embedding, causal blocks, norm, head; as GPT-2 or Llama are";

  BlockConfig blocks{.num_layers = 2,
                     .num_heads = 4,
                     .d_model = 128,
                     .d_ff = 0,
                     .norm_position = "pre",
                     .activation = "gelu",
                     .position = "learned"};
  std::optional<double> embedding_dropout;
  int64_t window = 0, max_length = 0;
  bool tie_embeddings = true;
  double init_deviation = 0.02;
  std::string parametrization = "standard";
  int64_t base_width = 64;

  void describe(Fields& field) override {
    blocks.describe(field);
    field("embedding_dropout", embedding_dropout, "on embeddings", at_least(0), less_than(1));
    field("window", window, "a token sees so many tokens, itself included; 0: all before it", between(0, 1000000000));
    field("max_length", max_length, "positions that it has room for, if the task's sequences need fewer",
          between(0, 10000000));
    field("tie_embeddings", tie_embeddings, "the head's weight is the embedding's");
    field("init_deviation", init_deviation,
          "of the normal weights at the start; GPT-2's 0.02 is small for narrow models", greater_than(0), at_most(10));
    // Yang et al. 2022, Tensor Programs V, table 3, with num_heads and the ratio of d_ff to d_model the same for all
    // widths. With m = d_model / base_width: hidden weights begin smaller by sqrt(m), the head's by m; Adam's rate of
    // both is smaller by m; scores are q k / head size instead of its root. At base_width nothing changes.
    field("parametrization", parametrization,
          "mup: what is the best learning rate at base_width is so at every d_model (Yang et al. 2022)",
          one_of({"standard", "mup"}));
    field("base_width", base_width, "of mup: the d_model at which it changes nothing", between(1, 100000));
    field.check([&] { return parametrization == "standard" || !tie_embeddings; }, {"parametrization", "tie_embeddings"},
                "mup scales the head otherwise than the embedding: set tie_embeddings to false");
    field.check([&] { return parametrization == "standard" || blocks.d_ff == 0; }, {"parametrization", "d_ff"},
                "mup needs a d_ff that grows with d_model: set it to 0");
  }

  double widening() const {
    return parametrization == "mup" ? static_cast<double>(blocks.d_model) / static_cast<double>(base_width) : 1;
  }
  double rate_scale() const override { return 1 / widening(); }
  bool reads_real_inputs() const override { return true; }
  std::string misfit(const ModelSizes& sizes) const override {
    if (sizes.features > 0 && sizes.whole_sequences) return ModelConfig::misfit(sizes);
    if (sizes.features > 0 && tie_embeddings)
      return "reads real vectors, with no ids to tie: set tie_embeddings to false";
    if (!tie_embeddings || sizes.vocab_size == sizes.classes) return ModelConfig::misfit(sizes);
    return fmt::format("predicts {} classes from {} ids: set tie_embeddings to false", sizes.classes, sizes.vocab_size);
  }

  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    // Embedding, sum with positions, dropout, final norm and its input; logits and their gradient.
    return transformlet::activations_per_token(blocks.options(), recompute) +
           5.0 * static_cast<double>(blocks.d_model) + 2.0 * static_cast<double>(sizes.classes);
  }

  double product_operations(const ModelSizes& sizes, bool recompute) const override {
    const int64_t tokens = sizes.max_length;
    const Mask mask = window > 0 ? Mask::sliding_window(window) : Mask::causal();
    const double stack =
        transformlet::product_operations(blocks.options(), tokens, mask.pairs(1, tokens, tokens), sizes.asked_places);
    const int64_t asked = sizes.asked_places == 0 ? tokens : std::min(tokens, sizes.asked_places);
    const double head =
        2 * static_cast<double>(asked) * static_cast<double>(blocks.d_model) * static_cast<double>(sizes.classes);
    // Real vectors are multiplied with the embedding, and ask for no gradient.
    const double projection =
        2 * static_cast<double>(tokens) * static_cast<double>(sizes.features) * static_cast<double>(blocks.d_model);
    return (recompute ? with_recomputation : forward_and_backward) * stack + forward_and_backward * head +
           (forward_and_backward - 1) * projection;
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& task_sizes) const override {
    ModelSizes sizes = task_sizes;
    sizes.max_length = std::max(sizes.max_length, max_length);
    DecoderOptions options{.blocks = blocks.options(),
                           .position = blocks.position_of_embeddings(),
                           .embedding_dropout = embedding_dropout.value_or(blocks.dropout),
                           .window = window,
                           .tie_embeddings = tie_embeddings,
                           .init_deviation = init_deviation,
                           .head_deviation = init_deviation / widening()};
    options.blocks.hidden_dropout = false;
    options.blocks.final_norm = options.blocks.norm_position == NormPosition::pre;
    options.blocks.initializers = gpt2_initializers(blocks.num_layers, init_deviation / std::sqrt(widening()));
    if (parametrization == "mup") {
      // 1 / sqrt(head size) at base_width, and from there on as 1 / head size.
      const double head_size = static_cast<double>(blocks.d_model) / static_cast<double>(blocks.num_heads);
      options.blocks.attention_scale = 1 / std::sqrt(head_size * widening());
    }
    return std::make_unique<Decoder>(scope, options, sizes);
  }
};

const Registered<ModelConfig, DecoderConfig> registered;

}  // namespace
}  // namespace transformlet
