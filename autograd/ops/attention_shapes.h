// What the forms of attention have in common: shapes, and what an option means.
#pragma once

#include <algorithm>
#include <cmath>

#include "autograd/attention.h"
#include "autograd/ops/support.h"

namespace transformlet {

// The axes before the last two, as samples and heads.
inline std::pair<int64_t, int64_t> samples_and_heads(const Shape& shape) {
  const int64_t heads = shape.rank() >= 4 ? shape[-3] : 1;
  const int64_t leading = shape.first(shape.rank() - 2).size();
  return {heads == 0 ? 0 : leading / heads, heads};
}

inline void check_operands(const char* op, const Tensor& q, const Tensor& k, const Tensor& v) {
  require_same_dtype(op, {&q, &k, &v});
  require(q.rank() >= 2 && k.rank() == q.rank() && v.rank() == q.rank(),
          "{}: query {}, key {} and value {} must have as many axes, at least (length, size)", op, q, k, v);
  require(k.dim(-2) == v.dim(-2), "{}: key {} and value {} differ in length", op, k, v);
}

inline void check_heads_and_dropout(const char* op, int64_t heads, int64_t kv_heads, const AttentionOptions& options) {
  require(kv_heads == heads || (kv_heads >= 1 && heads % kv_heads == 0),
          "{}: {} heads of queries can't share {} heads of keys and values", op, heads, kv_heads);
  require(0.0 <= options.dropout && options.dropout < 1.0, "{}: dropout {} is outside [0, 1)", op, options.dropout);
}

inline double scale_of(const AttentionOptions& options, int64_t key_size) {
  return options.scale.value_or(1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(1, key_size))));
}

}  // namespace transformlet
