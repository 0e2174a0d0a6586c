#include "layers/encoder_decoder.h"

#include <cmath>

#include "base/registry.h"
#include "layers/block_config.h"

namespace transformlet {
namespace {

// The memory is another sequence: positions inside attention say nothing about it.
MultiheadAttentionOptions cross_attention_options(const EncoderOptions& options) {
  MultiheadAttentionOptions result = attention_options(options);
  result.rotary = result.alibi = false;
  return result;
}

}  // namespace

CrossBlock::CrossBlock(const Scope& scope, const EncoderOptions& options)
    : path(scope.path()),
      norm_position(options.norm_position),
      skip(options.skip),
      attention(scope / "attention", attention_options(options)),
      cross_attention(scope / "cross_attention", cross_attention_options(options)),
      feed_forward(only_if(options.feed_forward,
                           [&] { return FeedForward(scope / "feed_forward", feed_forward_options(options)); })),
      attention_norm(scope / "attention_norm", options.d_model, options.norm, options.bias, options.norm_epsilon),
      cross_attention_norm(scope / "cross_attention_norm", options.d_model, options.norm, options.bias,
                           options.norm_epsilon),
      feed_forward_norm(only_if(options.feed_forward,
                                [&] {
                                  return Norm(scope / "feed_forward_norm", options.d_model, options.norm, options.bias,
                                              options.norm_epsilon);
                                })),
      attention_dropout(scope / "attention_dropout", options.residual_dropout.value_or(options.dropout)),
      cross_attention_dropout(scope / "cross_attention_dropout", options.residual_dropout.value_or(options.dropout)),
      feed_forward_dropout(scope / "feed_forward_dropout", options.residual_dropout.value_or(options.dropout)) {}

Tensor CrossBlock::operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Mask& memory_mask,
                              const Pass& pass) const {
  // A sublayer with its norm on one of its sides, and what is added to the residual stream.
  const auto add = [&](const Tensor& to, const Norm& norm, const char* name, const auto& sublayer) {
    const bool is_pre = norm_position == NormPosition::pre;
    const Tensor added = pass.tap(path, name, sublayer(is_pre ? norm(to) : to)), sum = skip ? to + added : added;
    return is_pre ? sum : norm(sum);
  };
  const Tensor attended = pass.tap(path, "middle",
                                   add(pass.tap(path, "input", x), attention_norm, "attention_output",
                                       [&](auto& in) { return attention_dropout(attention(in, mask, pass), pass); }));
  const Tensor informed =
      pass.tap(path, "cross_middle", add(attended, cross_attention_norm, "cross_attention_output", [&](auto& in) {
                 return cross_attention_dropout(cross_attention(in, memory, memory_mask, pass), pass);
               }));
  if (!feed_forward) return pass.tap(path, "output", informed);
  return pass.tap(path, "output", add(informed, *feed_forward_norm, "feed_forward_output", [&](auto& in) {
                    return feed_forward_dropout((*feed_forward)(in, pass), pass);
                  }));
}

EncoderDecoder::EncoderDecoder(const Scope& scope, const EncoderDecoderOptions& options, const ModelSizes& sizes)
    : source_embedding(scope / "source" / "embedding", sizes.source_vocab_size, options.encoder.d_model,
                       normal(1.0 / std::sqrt(static_cast<double>(options.encoder.d_model)))),
      source_positions(scope / "source" / "positions", options.position, sizes.source_max_length,
                       options.encoder.d_model),
      source_dropout(scope / "source" / "dropout", options.embedding_dropout),
      encoder(scope / "encoder", options.encoder),
      embedding(scope / "target" / "embedding", sizes.vocab_size, options.decoder.d_model,
                normal(1.0 / std::sqrt(static_cast<double>(options.decoder.d_model)))),
      positions(scope / "target" / "positions", options.position, sizes.max_length, options.decoder.d_model),
      embedding_dropout(scope / "target" / "dropout", options.embedding_dropout),
      embedding_scale_(std::sqrt(static_cast<double>(options.decoder.d_model))) {
  require(sizes.source_vocab_size > 0,
          "an encoder-decoder reads a source and writes a target; this task has no source");
  for (int64_t i = 0; i < options.decoder.num_layers; ++i)
    blocks.emplace_back(scope / "decoder" / "blocks" / i, options.decoder);
  if (options.decoder.final_norm) {
    final_norm.emplace(scope / "decoder" / "final_norm", options.decoder.d_model, options.decoder.norm,
                       options.decoder.bias, options.decoder.norm_epsilon);
  }
  if (options.tie_embeddings) {
    require(sizes.vocab_size == sizes.classes,
            "the decoder predicts {} classes from {} ids: set model.tie_embeddings to false", sizes.classes,
            sizes.vocab_size);
  } else {
    head.emplace(scope / "head", options.decoder.d_model, sizes.classes, false, xavier_uniform(),
                 ParameterKind::outer_weight);
  }
}

// Embeddings are taken times sqrt(d_model), as in the paper (section 3.4), and are normal with deviation 1 /
// sqrt(d_model).
Tensor EncoderDecoder::read(const Tokens& source, const Mask& mask, const Pass& pass) const {
  require(source.shape().rank() == 2, "the model takes a source of shape (batch, length), not {}", source.shape());
  return encoder(source_dropout(source_positions(source_embedding(source) * embedding_scale_), pass), mask, pass);
}

Tensor EncoderDecoder::decode(const Tokens& target, const Tensor& memory, const Mask& mask, const Mask& memory_mask,
                              const Pass& pass) const {
  require(target.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", target.shape());
  Tensor x = embedding_dropout(positions(embedding(target) * embedding_scale_, pass.offset()), pass);
  for (const CrossBlock& block : blocks) x = block(x, memory, mask & Mask::causal(pass.offset()), memory_mask, pass);
  if (final_norm) x = pass.tap("decoder", "final_norm_output", (*final_norm)(x));
  return pass.tap("", "logits", head ? (*head)(x) : linear(x, embedding.weight));
}

Tensor EncoderDecoder::operator()(const ModelInputs& inputs, const Pass& pass) const {
  const Tensor memory = inputs.memory.defined() ? inputs.memory : read(inputs.source, inputs.source_mask, pass);
  return decode(inputs.ids, memory, inputs.mask, inputs.source_mask, pass);
}

std::vector<NamedLayer> EncoderDecoder::layers() const {
  std::vector<NamedLayer> result = encoder.layers();
  for (const CrossBlock& block : blocks) {
    const int64_t d_model = block.attention.options.d_model;
    result.push_back(named_layer(block.path + ".attention", d_model, block.attention));
    NamedLayer cross = named_layer(block.path + ".cross_attention", d_model, block.cross_attention);
    cross.memory_width = d_model;
    cross.call = [&block](const TensorList& in, const Mask& mask, const Pass& pass) {
      return block.cross_attention(in[0], in[1], mask, pass);
    };
    result.push_back(std::move(cross));
    NamedLayer whole{block.path,
                     d_model,
                     d_model,
                     true,
                     [&block](const TensorList& in, const Mask& mask, const Pass& pass) {
                       return block(in[0], in[1], Mask::causal(), mask, pass);
                     },
                     2 * block.attention.options.num_heads};
    result.push_back(std::move(whole));
  }
  if (head) result.push_back(named_layer("head", embedding.weight.dim(1), *head));
  return result;
}

namespace {

struct EncoderDecoderConfig : ModelConfig {
  static constexpr const char* name = "encoder_decoder";
  static constexpr const char* help = "writes a sequence for another one: encoder, decoder with attention to it, head";

  BlockConfig blocks{.num_layers = 2, .num_heads = 4, .d_model = 128, .d_ff = 0, .norm_position = "pre"};
  std::optional<int64_t> num_decoder_layers;
  std::optional<double> embedding_dropout;
  bool tie_embeddings = true;

  void describe(Fields& field) override {
    blocks.describe(field);
    field("num_decoder_layers", num_decoder_layers, "blocks of the decoder; null: num_layers", between(1, 1000));
    field("embedding_dropout", embedding_dropout, "on embeddings", at_least(0), less_than(1));
    field("tie_embeddings", tie_embeddings, "the head's weight is the target embedding's");
  }

  std::string misfit(const ModelSizes& sizes) const override {
    if (sizes.source_vocab_size == 0) return "reads a source and writes a target, and this task has no source";
    ModelSizes target = sizes;
    target.source_vocab_size = 0;
    if (!tie_embeddings || sizes.vocab_size == sizes.classes) return ModelConfig::misfit(target);
    return fmt::format("predicts {} classes from {} ids: set tie_embeddings to false", sizes.classes, sizes.vocab_size);
  }

  // Of both stacks, as if the source were as long as the target.
  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    EncoderOptions decoder = blocks.options();
    decoder.num_layers = num_decoder_layers.value_or(blocks.num_layers);
    const double longer = static_cast<double>(std::max(sizes.max_length, sizes.source_max_length)) /
                          static_cast<double>(std::max<int64_t>(1, sizes.max_length));
    return longer * (transformlet::activations_per_token(blocks.options(), recompute) +
                     1.6 * transformlet::activations_per_token(decoder, false)) +
           10.0 * static_cast<double>(blocks.d_model) + 2.0 * static_cast<double>(sizes.classes);
  }

  double product_operations(const ModelSizes& sizes, bool recompute) const override {
    const int64_t length = sizes.max_length, source_length = sizes.source_max_length;
    const auto tokens = static_cast<double>(length), source_tokens = static_cast<double>(source_length);
    const auto d_model = static_cast<double>(blocks.d_model);
    const double encoder = transformlet::product_operations(blocks.options(), source_length,
                                                            Mask::none().pairs(1, source_length, source_length));
    EncoderOptions decoder = blocks.options();
    decoder.num_layers = num_decoder_layers.value_or(blocks.num_layers);
    // Of a block; each token sees all of the source.
    const double cross = attention_operations(decoder, tokens, source_tokens, tokens * source_tokens);
    const double head = 2 * tokens * d_model * static_cast<double>(sizes.classes);
    return (recompute ? with_recomputation : forward_and_backward) * encoder +
           forward_and_backward *
               (transformlet::product_operations(decoder, length, Mask::causal().pairs(1, length, length)) +
                static_cast<double>(decoder.num_layers) * cross + head);
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    EncoderDecoderOptions options{.encoder = blocks.options(),
                                  .decoder = blocks.options(),
                                  .position = blocks.position_of_embeddings(),
                                  .embedding_dropout = embedding_dropout.value_or(blocks.dropout),
                                  .tie_embeddings = tie_embeddings};
    options.encoder.final_norm = options.encoder.norm_position == NormPosition::pre;
    options.decoder.final_norm = options.encoder.final_norm;
    options.decoder.num_layers = num_decoder_layers.value_or(blocks.num_layers);
    return std::make_unique<EncoderDecoder>(scope, options, sizes);
  }
};

const Registered<ModelConfig, EncoderDecoderConfig> registered;

}  // namespace
}  // namespace transformlet
