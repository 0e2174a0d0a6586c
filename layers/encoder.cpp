#include "layers/encoder.h"

#include "autograd/recompute.h"

namespace transformlet {
namespace {

std::optional<Norm> norm_if(bool present, const Scope& scope, const EncoderOptions& options) {
  return present ? std::optional(Norm(scope, options.d_model, options.norm, options.bias, options.norm_epsilon))
                 : std::nullopt;
}

Tensor normed(const std::optional<Norm>& norm, const Tensor& x) { return norm ? (*norm)(x) : x; }

}  // namespace

MultiheadAttentionOptions attention_options(const EncoderOptions& options) {
  return {.d_model = options.d_model,
          .num_heads = options.num_heads,
          .num_kv_heads = options.num_kv_heads,
          .rotary = options.rotary,
          .alibi = options.alibi,
          .rotary_base = options.rotary_base,
          .dropout = options.attention_dropout.value_or(options.dropout),
          .bias = options.bias,
          .qkv_initializer = options.initializers.qkv,
          .out_initializer = options.initializers.residual};
}

FeedForwardOptions feed_forward_options(const EncoderOptions& options) {
  return {.d_model = options.d_model,
          .d_ff = options.d_ff,
          .activation = options.activation,
          .dropout = options.hidden_dropout ? options.dropout : 0.0,
          .bias = options.bias,
          .up_initializer = options.initializers.up,
          .down_initializer = options.initializers.residual};
}

EncoderBlock::EncoderBlock(const Scope& scope, const EncoderOptions& options)
    : path(scope.path()),
      attention_pre_norm(norm_if(options.norm_position == NormPosition::pre, scope / "attention_norm", options)),
      attention(scope / "attention", attention_options(options)),
      attention_dropout(scope / "attention_dropout", options.residual_dropout.value_or(options.dropout)),
      attention_post_norm(norm_if(options.norm_position == NormPosition::post, scope / "attention_norm", options)),
      feed_forward_pre_norm(norm_if(options.norm_position == NormPosition::pre, scope / "feed_forward_norm", options)),
      feed_forward(scope / "feed_forward", feed_forward_options(options)),
      feed_forward_dropout(scope / "feed_forward_dropout", options.residual_dropout.value_or(options.dropout)),
      feed_forward_post_norm(
          norm_if(options.norm_position == NormPosition::post, scope / "feed_forward_norm", options)) {}

Tensor EncoderBlock::operator()(const Tensor& given, const Mask& mask, const Pass& pass) const {
  const Tensor x = pass.tap(path, "input", given);
  const Tensor attended =
      pass.tap(path, "attention_output", attention_dropout(attention(normed(attention_pre_norm, x), mask, pass), pass));
  const Tensor y = pass.tap(path, "middle", normed(attention_post_norm, x + attended));
  const Tensor transformed = pass.tap(path, "feed_forward_output",
                                      feed_forward_dropout(feed_forward(normed(feed_forward_pre_norm, y), pass), pass));
  return pass.tap(path, "output", normed(feed_forward_post_norm, y + transformed));
}

std::vector<NamedLayer> EncoderBlock::layers() const {
  const int64_t d_model = attention.options.d_model;
  const Norm& attention_norm = attention_pre_norm ? *attention_pre_norm : *attention_post_norm;
  const Norm& feed_forward_norm = feed_forward_pre_norm ? *feed_forward_pre_norm : *feed_forward_post_norm;
  return {named_layer(path + ".attention", d_model, attention),
          named_layer(path + ".attention_norm", d_model, attention_norm),
          named_layer(path + ".feed_forward", d_model, feed_forward),
          named_layer(path + ".feed_forward_norm", d_model, feed_forward_norm), named_layer(path, d_model, *this)};
}

Encoder::Encoder(const Scope& scope, const EncoderOptions& options) : path(scope.path()) {
  for (int64_t i = 0; i < options.num_layers; ++i) blocks.emplace_back(scope / "blocks" / i, options);
  final_norm = norm_if(options.final_norm, scope / "final_norm", options);
}

Tensor Encoder::operator()(Tensor x, const Mask& mask, const Pass& pass) const {
  for (const EncoderBlock& block : blocks) {
    // The closure outlives this call: it holds the block's handles of its parameters.
    const auto run = [block, mask, pass](const TensorList& in) { return block(in[0], mask, pass); };
    x = pass.recomputes() ? recompute(run, {x}) : block(x, mask, pass);
  }
  return final_norm ? pass.tap(path, "final_norm_output", (*final_norm)(x)) : x;
}

std::vector<NamedLayer> Encoder::layers() const {
  std::vector<NamedLayer> result;
  for (const EncoderBlock& block : blocks) {
    for (NamedLayer& layer : block.layers()) result.push_back(std::move(layer));
  }
  if (final_norm) result.push_back(named_layer(path + ".final_norm", final_norm->gain.size(), *final_norm));
  return result;
}

double activations_per_token(const EncoderOptions& options, bool recompute) {
  const auto layers = static_cast<double>(options.num_layers), d_model = static_cast<double>(options.d_model);
  // Each norm, projection, residual and dropout keeps one tensor; the packed projection three, the hidden layer two.
  const double hidden = is_gated(options.activation) ? 5.0 : 3.0;
  const double block = (options.rotary ? 17.0 : 14.0) * d_model + hidden * static_cast<double>(options.d_ff);
  return recompute ? layers * d_model + block : layers * block;
}

double attention_operations(const EncoderOptions& options, double tokens, double memory_tokens, double pairs) {
  const auto d_model = static_cast<double>(options.d_model);
  const int64_t kv_heads = options.num_kv_heads == 0 ? options.num_heads : options.num_kv_heads;
  const double kv_width = d_model / static_cast<double>(options.num_heads) * static_cast<double>(kv_heads);
  // Queries and output; keys and values; scores, and sums of values.
  return 2 * (tokens * 2 * d_model * d_model + memory_tokens * 2 * kv_width * d_model + 2 * d_model * pairs);
}

double product_operations(const EncoderOptions& options, int64_t length, double pairs) {
  const auto tokens = static_cast<double>(length);
  const double products = is_gated(options.activation) ? 3 : 2;
  const double feed_forward =
      2 * tokens * products * static_cast<double>(options.d_model) * static_cast<double>(options.d_ff);
  return static_cast<double>(options.num_layers) *
         (attention_operations(options, tokens, tokens, pairs) + feed_forward);
}

TensorList Encoder::attention_maps(const Tensor& x, const Mask& mask) const {
  Collector collector(".attention.weights");
  (*this)(x, mask, Pass::evaluation().with_tap(collector));
  return collector.activations();
}

Tensor Collector::receive(std::string_view name, const Tensor& x) {
  names_.emplace_back(name);
  activations_.push_back(x);
  return x;
}

}  // namespace transformlet
