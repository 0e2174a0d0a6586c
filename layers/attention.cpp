#include "layers/attention.h"

#include <cmath>

namespace transformlet {
namespace {

MultiheadAttentionOptions checked(const std::string& path, MultiheadAttentionOptions options) {
  const std::string name = path.empty() ? "attention" : path;
  require(options.num_heads >= 1, "{}: num_heads is {}; at least one is needed", name, options.num_heads);
  require(options.d_model >= 1 && options.d_model % options.num_heads == 0,
          "{}: d_model {} does not divide into {} heads", name, options.d_model, options.num_heads);
  if (options.input_width == 0) options.input_width = options.d_model;
  if (options.num_kv_heads == 0) options.num_kv_heads = options.num_heads;
  require(options.num_heads % options.num_kv_heads == 0, "{}: {} heads can't share {} heads of keys and values", name,
          options.num_heads, options.num_kv_heads);
  require(!options.rotary || options.d_model / options.num_heads % 2 == 0,
          "{}: rotary positions need an even head size, not {}", name, options.d_model / options.num_heads);
  require(options.kind == AttentionKind::softmax ||
              (!options.alibi && options.dropout == 0 && options.num_kv_heads == options.num_heads),
          "{}: linear attention has no dropout, no ALiBi and no shared heads", name);
  require(options.kind == AttentionKind::linear || options.favoured.distances.empty(),
          "{}: linear attention alone favours distances", name);
  return options;
}

// (Tq, Tk): the factor at favoured distances, else 1. The first query stands at `offset`.
Tensor favour(const FavouredDistances& favoured, int64_t offset, int64_t queries, int64_t keys, DType dtype) {
  std::vector<double> factors(static_cast<size_t>(queries * keys), 1.0);
  for (int64_t query = 0; query < queries; ++query) {
    for (const int64_t distance : favoured.distances) {
      const int64_t key = offset + query - distance;
      if (key >= 0 && key < keys) factors[static_cast<size_t>(query * keys + key)] = favoured.factor;
    }
  }
  return tensor(factors, {queries, keys}, dtype);
}

// q (B, Tq, d_model), k and v (B, Tk, d_model) -> values (B, Tq, d_model) and weights (B, heads, Tq, Tk), in place of
// which stands what `replace` returns.
AttentionResult linear_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const MultiheadAttentionOptions& options, const Mask& mask,
                                 const std::function<Tensor(const Tensor&)>& replace) {
  const int64_t heads = options.num_heads, queries = q.dim(1), keys = k.dim(1);
  mask.require_fits("linear attention", q.dim(0), heads, queries, keys);
  const double scale =
      options.scale.value_or(1 / std::sqrt(static_cast<double>(options.d_model) / static_cast<double>(heads)));
  Tensor weights = matmul(split_heads(q, heads), split_heads(k, heads), false, true) * scale;
  if (!mask.allows_all()) weights = weights * mask.to_tensor(q.dim(0), heads, queries, keys, q.dtype());
  if (!options.favoured.distances.empty())
    weights = weights * favour(options.favoured, mask.query_offset(), queries, keys, q.dtype());
  weights = replace(weights);
  return {merge_heads(matmul(weights, split_heads(v, heads))), weights};
}

}  // namespace

MultiheadAttention::MultiheadAttention(const Scope& scope, const MultiheadAttentionOptions& given)
    : path(scope.path()),
      options(checked(path, given)),
      qkv(scope / "qkv", options.input_width, (options.num_heads + 2 * options.num_kv_heads) * head_size(),
          options.bias, options.qkv_initializer),
      out(scope / "out", options.d_model, options.d_model, options.bias, options.out_initializer) {}

AttentionOptions MultiheadAttention::attention_options(const Pass& pass) const {
  AttentionOptions result{.scale = options.scale, .alibi = options.alibi, .num_kv_heads = options.num_kv_heads};
  if (pass.is_training() && options.dropout > 0.0) {
    result.dropout = options.dropout;
    result.dropout_key = pass.dropout_key(path);
  }
  return result;
}

Tensor MultiheadAttention::project_packed(const Tensor& x, const Pass& pass) const {
  const Tensor packed = qkv(x);
  if (!options.rotary) return packed;
  return rotary(packed, options.num_heads + options.num_kv_heads, head_size(),
                {.base = options.rotary_base, .offset = pass.offset()});
}

MultiheadAttention::Projected MultiheadAttention::split(const Tensor& packed) const {
  const int64_t kv_width = options.num_kv_heads * head_size(), values = options.d_model + kv_width;
  return {slice(packed, -1, 0, options.d_model), slice(packed, -1, options.d_model, values),
          slice(packed, -1, values, values + kv_width)};
}

// Rotary positions tell how far apart tokens of one sequence are: those of two have none.
MultiheadAttention::Projected MultiheadAttention::project(const Tensor& x, const Tensor& memory) const {
  require(!options.rotary && !options.alibi, "{}: attention to a memory has no positions of rotary or alibi", path);
  const int64_t kv_width = options.num_kv_heads * head_size();
  const auto projection = [&](const Tensor& from, int64_t begin, int64_t width) {
    return linear(from, slice(qkv.weight, 0, begin, begin + width),
                  options.bias ? slice(qkv.bias, 0, begin, begin + width) : Tensor());
  };
  return {projection(x, 0, options.d_model), projection(memory, options.d_model, kv_width),
          projection(memory, options.d_model + kv_width, kv_width)};
}

// Head by head, for those who want them: what is read and written here is what is wanted there.
MultiheadAttention::Projected MultiheadAttention::tapped(const Projected& projected, const Pass& pass) const {
  const auto tap = [&](const char* name, const Tensor& x, int64_t heads) {
    return pass.wants(path, name) ? merge_heads(pass.tap(path, name, split_heads(x, heads))) : x;
  };
  return {tap("q", projected.q, options.num_heads), tap("k", projected.k, options.num_kv_heads),
          tap("v", projected.v, options.num_kv_heads)};
}

Tensor MultiheadAttention::continue_from_cache(const Projected& projected, const Mask& mask, const Pass& pass) const {
  const int64_t length = pass.offset() + projected.q.dim(1);
  const KeyValueCache::Entry& entry = pass.cache()->append(path, projected.k, projected.v);
  if (options.kind == AttentionKind::linear || pass.wants(path, "weights")) {
    return attend({projected.q, slice(entry.keys, 1, 0, length), slice(entry.values, 1, 0, length)}, mask, pass).output;
  }
  return finish(
      cached_attention(projected.q, entry.keys, entry.values, length, options.num_heads, mask, attention_options(pass)),
      pass);
}

MultiheadAttention::Result MultiheadAttention::attend(const Projected& projected, const Mask& mask,
                                                      const Pass& pass) const {
  if (options.kind == AttentionKind::linear) {
    const AttentionResult result =
        linear_attention(projected.q, projected.k, projected.v, options, mask,
                         [&](const Tensor& weights) { return pass.tap(path, "weights", weights); });
    return {finish(result.values, pass), result.weights};
  }
  const AttentionResult result = attention_with_weights(
      split_heads(projected.q, options.num_heads), split_heads(projected.k, options.num_kv_heads),
      split_heads(projected.v, options.num_kv_heads), mask, attention_options(pass),
      [&](const Tensor& weights) { return pass.tap(path, "weights", weights); });
  return {finish(merge_heads(result.values), pass), result.weights};
}

Tensor MultiheadAttention::finish(const Tensor& values, const Pass& pass) const {
  Tensor heads = pass.tap(path, "values", values);
  if (pass.wants(path, "heads")) heads = merge_heads(pass.tap(path, "heads", split_heads(heads, options.num_heads)));
  return out(heads);
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Mask& mask, const Pass& pass) const {
  if (pass.cache() != nullptr) {
    return continue_from_cache(tapped(split(project_packed(x, pass)), pass), mask, pass);
  }
  if (options.kind == AttentionKind::linear || pass.wants(path, "weights")) return with_weights(x, mask, pass).output;
  const Tensor packed = project_packed(x, pass);
  if (!pass.wants(path, "q") && !pass.wants(path, "k") && !pass.wants(path, "v")) {
    return finish(packed_attention(packed, options.num_heads, mask, attention_options(pass)), pass);
  }
  const Projected p = tapped(split(packed), pass);
  return finish(multihead_attention(p.q, p.k, p.v, options.num_heads, mask, attention_options(pass)), pass);
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Pass& pass) const {
  if (options.kind == AttentionKind::linear || pass.wants(path, "weights"))
    return with_weights(x, memory, mask, pass).output;
  const Projected p = tapped(project(x, memory), pass);
  return finish(multihead_attention(p.q, p.k, p.v, options.num_heads, mask, attention_options(pass)), pass);
}

MultiheadAttention::Result MultiheadAttention::with_weights(const Tensor& x, const Mask& mask, const Pass& pass) const {
  return attend(tapped(split(project_packed(x, pass)), pass), mask, pass);
}

MultiheadAttention::Result MultiheadAttention::with_weights(const Tensor& x, const Tensor& memory, const Mask& mask,
                                                            const Pass& pass) const {
  return attend(tapped(project(x, memory), pass), mask, pass);
}

}  // namespace transformlet
