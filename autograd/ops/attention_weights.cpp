// Attention with its weights, in primitives: what the fused forms mean, and the path that taps observe.
#include "autograd/ops/attention_shapes.h"

namespace transformlet {
namespace {

// (samples, kv_heads, T, size) -> (samples, heads, T, size): each head of keys or values once for every head that reads
// it.
Tensor repeat_heads(const Tensor& x, int64_t heads) {
  if (x.dim(1) == heads) return x;
  const int64_t group = heads / x.dim(1);
  const Tensor apart = reshape(x, {x.dim(0), x.dim(1), 1, x.dim(2), x.dim(3)});
  return reshape(broadcast_to(apart, {x.dim(0), x.dim(1), group, x.dim(2), x.dim(3)}),
                 {x.dim(0), heads, x.dim(2), x.dim(3)});
}

// slope * |key - query's position|: (1, heads, queries, keys)
Tensor alibi_bias(const Mask& mask, int64_t heads, int64_t queries, int64_t keys, DType dtype) {
  std::vector<double> bias;
  for (const double slope : alibi_slopes(heads)) {
    for (int64_t query = 0; query < queries; ++query) {
      for (int64_t key = 0; key < keys; ++key) {
        bias.push_back(slope * static_cast<double>(std::abs(key - query - mask.query_offset())));
      }
    }
  }
  return tensor(bias, {1, heads, queries, keys}, dtype);
}

// Products in which pairs outside the mask are selected away on both sides: slow, but 0 * NaN happens neither here nor
// in the derivative, where each side is multiplied by a gradient of 0.
Tensor selected_product(const Tensor& a, const Tensor& b, const Tensor& allowed) {
  const Tensor pairs = reshape(allowed, allowed.shape().appended(1)), zero = scalar(0, a.dtype());
  return where(pairs, a, zero) * where(pairs, b, zero);
}

Tensor selected_scores(const Tensor& q, const Tensor& k, const Tensor& allowed) {
  const Shape qs = q.shape(), ks = k.shape();
  return sum(selected_product(reshape(q, {qs[0], qs[1], qs[2], 1, qs[3]}), reshape(k, {ks[0], ks[1], 1, ks[2], ks[3]}),
                              allowed),
             {-1});
}

Tensor selected_values(const Tensor& weights, const Tensor& v, const Tensor& allowed) {
  const Shape vs = v.shape();
  return sum(selected_product(reshape(weights, weights.shape().appended(1)),
                              reshape(v, {vs[0], vs[1], 1, vs[2], vs[3]}), allowed),
             {-2});
}

bool finite(const Tensor& x) {
  return with_dtype(x.dtype(), [&]<class T>() {
    return std::all_of(x.data<T>(), x.data<T>() + x.size(), [](T value) { return std::isfinite(value); });
  });
}

}  // namespace

AttentionResult attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask,
                                       const AttentionOptions& options,
                                       const std::function<Tensor(const Tensor&)>& replace) {
  const char* const op = "attention_with_weights";
  check_operands(op, q, k, v);
  const auto [samples, heads] = samples_and_heads(q.shape());
  const int64_t queries = q.dim(-2), keys = k.dim(-2), key_size = q.dim(-1), value_size = v.dim(-1);
  const int64_t kv_heads = samples_and_heads(k.shape()).second;
  check_heads_and_dropout(op, heads, kv_heads, options);
  mask.require_fits(op, samples, heads, queries, keys);
  const Tensor query = reshape(q, {samples, heads, queries, key_size});
  const Tensor key = repeat_heads(reshape(k, {samples, kv_heads, keys, key_size}), heads);
  const Tensor value = repeat_heads(reshape(v, {samples, kv_heads, keys, value_size}), heads);
  const Tensor zero = scalar(0, q.dtype()), one = scalar(1, q.dtype());
  const bool masked = !mask.allows_all();
  const Tensor allowed =
      masked ? mask.to_tensor(samples, heads, queries, keys, q.dtype()) : full({1, 1, queries, keys}, 1.0, q.dtype());
  const bool select = masked && !(finite(q) && finite(k) && finite(v));

  Tensor scores = select ? selected_scores(query, key, allowed) : matmul(query, key, false, true);
  scores = scores * scale_of(options, key_size);
  if (options.alibi) scores = scores - alibi_bias(mask, heads, queries, keys, q.dtype());
  if (masked) scores = where(allowed, scores, scalar(-INFINITY, q.dtype()));
  // The largest score is taken out as a constant. Rows without any score have none to take out, and a sum of 0.
  const Tensor active = keys == 0 ? zeros({1, 1, queries, 1}, q.dtype()) : max(allowed, -1, true);
  const Tensor peak = keys == 0 ? zero : where(active, row_maxima(scores), zero);
  const Tensor exponentials = where(allowed, exp(scores - peak), zero);
  Tensor weights = exponentials / where(active, sum(exponentials, {-1}, true), one);
  if (replace) weights = replace(weights);
  const Tensor kept = dropout(weights, options.dropout, options.dropout_key);
  Tensor values = select ? selected_values(kept, value, allowed) : matmul(kept, value);
  // Selected, though they are zeros already: whatever comes back for rows that see nothing goes no further.
  if (masked) values = where(active, values, zero);
  return {reshape(values, q.shape().with(-1, value_size)), reshape(weights, q.shape().with(-1, keys))};
}

}  // namespace transformlet
