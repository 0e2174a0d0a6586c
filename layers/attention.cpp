#include "layers/attention.h"

namespace transformlet {
namespace {

MultiheadAttentionOptions checked(const std::string& path, MultiheadAttentionOptions options) {
  const std::string name = path.empty() ? "attention" : path;
  require(options.num_heads >= 1, "{}: num_heads is {}; at least one is needed", name, options.num_heads);
  require(options.d_model >= 1 && options.d_model % options.num_heads == 0,
          "{}: d_model {} does not divide into {} heads", name, options.d_model, options.num_heads);
  if (options.input_width == 0) options.input_width = options.d_model;
  return options;
}

}  // namespace

MultiheadAttention::MultiheadAttention(const Scope& scope, const MultiheadAttentionOptions& given)
    : path(scope.path()),
      options(checked(path, given)),
      qkv(scope / "qkv", options.input_width, 3 * options.d_model, options.bias, options.qkv_initializer),
      out(scope / "out", options.d_model, options.d_model, options.bias, options.out_initializer) {}

AttentionOptions MultiheadAttention::attention_options(const Pass& pass) const {
  if (!pass.is_training() || options.dropout == 0.0) return {};
  return {.dropout = options.dropout, .dropout_key = pass.dropout_key(path)};
}

MultiheadAttention::Projected MultiheadAttention::project(const Tensor& x) const {
  const Tensor packed = qkv(x);
  const auto part = [&](int64_t i) { return slice(packed, -1, i * options.d_model, (i + 1) * options.d_model); };
  return {part(0), part(1), part(2)};
}

MultiheadAttention::Projected MultiheadAttention::project(const Tensor& x, const Tensor& memory) const {
  const auto projection = [&](const Tensor& from, int64_t i) {
    const int64_t begin = i * options.d_model, end = begin + options.d_model;
    return linear(from, slice(qkv.weight, 0, begin, end), options.bias ? slice(qkv.bias, 0, begin, end) : Tensor());
  };
  return {projection(x, 0), projection(memory, 1), projection(memory, 2)};
}

MultiheadAttention::Result MultiheadAttention::attend(const Projected& projected, const Mask& mask,
                                                      const Pass& pass) const {
  const AttentionResult result =
      attention_with_weights(split_heads(projected.q, options.num_heads), split_heads(projected.k, options.num_heads),
                             split_heads(projected.v, options.num_heads), mask, attention_options(pass),
                             [&](const Tensor& weights) { return pass.tap(path, "weights", weights); });
  return {finish(merge_heads(result.values), pass), result.weights};
}

Tensor MultiheadAttention::finish(const Tensor& values, const Pass& pass) const {
  return out(pass.tap(path, "values", values));
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Mask& mask, const Pass& pass) const {
  if (pass.wants(path, "weights")) return with_weights(x, mask, pass).output;
  return finish(packed_attention(qkv(x), options.num_heads, mask, attention_options(pass)), pass);
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Pass& pass) const {
  if (pass.wants(path, "weights")) return with_weights(x, memory, mask, pass).output;
  const Projected p = project(x, memory);
  return finish(multihead_attention(p.q, p.k, p.v, options.num_heads, mask, attention_options(pass)), pass);
}

MultiheadAttention::Result MultiheadAttention::with_weights(const Tensor& x, const Mask& mask, const Pass& pass) const {
  return attend(project(x), mask, pass);
}

MultiheadAttention::Result MultiheadAttention::with_weights(const Tensor& x, const Tensor& memory, const Mask& mask,
                                                            const Pass& pass) const {
  return attend(project(x, memory), mask, pass);
}

}  // namespace transformlet
