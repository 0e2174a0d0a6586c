#include "layers/encoder.h"

#include <algorithm>

#include "autograd/recompute.h"

namespace transformlet {
namespace {

std::optional<Norm> norm_if(bool present, const Scope& scope, const EncoderOptions& options) {
  if (!present || options.norm == NormKind::none) return std::nullopt;
  return Norm(scope, options.d_model, options.norm, options.bias, options.norm_epsilon);
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
          .scale = options.attention_scale,
          .kind = options.attention,
          .favoured = options.favoured,
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
      skip(options.skip),
      attention_pre_norm(norm_if(options.norm_position == NormPosition::pre, scope / "attention_norm", options)),
      attention(scope / "attention", attention_options(options)),
      attention_dropout(scope / "attention_dropout", options.residual_dropout.value_or(options.dropout)),
      attention_post_norm(norm_if(options.norm_position == NormPosition::post, scope / "attention_norm", options)),
      feed_forward_pre_norm(norm_if(options.feed_forward && options.norm_position == NormPosition::pre,
                                    scope / "feed_forward_norm", options)),
      feed_forward(only_if(options.feed_forward,
                           [&] { return FeedForward(scope / "feed_forward", feed_forward_options(options)); })),
      feed_forward_dropout(scope / "feed_forward_dropout", options.residual_dropout.value_or(options.dropout)),
      feed_forward_post_norm(norm_if(options.feed_forward && options.norm_position == NormPosition::post,
                                     scope / "feed_forward_norm", options)) {}

Tensor EncoderBlock::operator()(const Tensor& given, const Mask& mask, const Pass& pass, int64_t asked_places) const {
  const auto asked = [asked_places](const Tensor& all) {
    const int64_t length = all.dim(1), first = asked_places == 0 ? 0 : std::max<int64_t>(0, length - asked_places);
    return first == 0 ? all : slice(all, 1, first, length);
  };
  const Tensor x = pass.tap(path, "input", given);
  const Tensor attended = pass.tap(
      path, "attention_output", attention_dropout(asked(attention(normed(attention_pre_norm, x), mask, pass)), pass));
  const Tensor y = pass.tap(path, "middle", normed(attention_post_norm, add(asked(x), attended)));
  if (!feed_forward) return pass.tap(path, "output", y);
  const Tensor transformed = pass.tap(
      path, "feed_forward_output", feed_forward_dropout((*feed_forward)(normed(feed_forward_pre_norm, y), pass), pass));
  return pass.tap(path, "output", normed(feed_forward_post_norm, add(y, transformed)));
}

std::vector<NamedLayer> EncoderBlock::layers() const {
  const int64_t d_model = attention.options.d_model;
  std::vector<NamedLayer> result = {named_layer(path + ".attention", d_model, attention)};
  const auto add_norm = [&](const char* name, const std::optional<Norm>& pre, const std::optional<Norm>& post) {
    if (pre || post) result.push_back(named_layer(path + name, d_model, pre ? *pre : *post));
  };
  add_norm(".attention_norm", attention_pre_norm, attention_post_norm);
  if (feed_forward) result.push_back(named_layer(path + ".feed_forward", d_model, *feed_forward));
  add_norm(".feed_forward_norm", feed_forward_pre_norm, feed_forward_post_norm);
  result.push_back(named_layer(path, d_model, *this));
  return result;
}

Encoder::Encoder(const Scope& scope, const EncoderOptions& options) : path(scope.path()) {
  for (int64_t i = 0; i < options.num_layers; ++i) blocks.emplace_back(scope / "blocks" / i, options);
  final_norm = norm_if(options.final_norm, scope / "final_norm", options);
}

Tensor Encoder::operator()(Tensor x, const Mask& mask, const Pass& pass, int64_t asked_places) const {
  for (const EncoderBlock& block : blocks) {
    const int64_t asked = &block == &blocks.back() ? asked_places : 0;
    // The closure outlives this call: it holds the block's handles of its parameters.
    const auto run = [block, mask, pass, asked](const TensorList& in) { return block(in[0], mask, pass, asked); };
    x = pass.recomputes() ? recompute(run, {x}) : block(x, mask, pass, asked);
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
  const double feed_forward = options.feed_forward ? hidden * static_cast<double>(options.d_ff) : 0;
  const double block = (options.rotary ? 17.0 : 14.0) * d_model + feed_forward;
  return recompute ? layers * d_model + block : layers * block;
}

double attention_operations(const EncoderOptions& options, double tokens, double memory_tokens, double pairs) {
  const auto d_model = static_cast<double>(options.d_model);
  const int64_t kv_heads = options.num_kv_heads == 0 ? options.num_heads : options.num_kv_heads;
  const double kv_width = d_model / static_cast<double>(options.num_heads) * static_cast<double>(kv_heads);
  // Queries and output; keys and values; scores, and sums of values.
  return 2 * (tokens * 2 * d_model * d_model + memory_tokens * 2 * kv_width * d_model + 2 * d_model * pairs);
}

double product_operations(const EncoderOptions& options, int64_t length, double pairs, int64_t asked_places) {
  const auto tokens = static_cast<double>(length);
  if (options.attention == AttentionKind::linear) pairs = tokens * tokens;  // what is masked is computed too
  const double products = is_gated(options.activation) ? 3 : 2;
  const double feed_forward = options.feed_forward ? 2 * tokens * products * static_cast<double>(options.d_model) *
                                                         static_cast<double>(options.d_ff)
                                                   : 0;
  const double asked = asked_places == 0 ? 1 : static_cast<double>(std::min(asked_places, length)) / tokens;
  return static_cast<double>(options.num_layers) * attention_operations(options, tokens, tokens, pairs) +
         (static_cast<double>(options.num_layers - 1) + asked) * feed_forward;
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
