// What the mask leaves of a tile of scores, and products with such tiles. For the attention kernels alone.
#pragma once

#include <algorithm>

#include "autograd/kernels/attention.h"
#include "autograd/kernels/gemm.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

// Scores are computed for `query_block` rows and `key_tile` columns at a time: few enough to stay in the second cache,
// enough rows to pay for packing a tile of keys, and tiles narrow enough that a causal mask skips most of its half.
constexpr int64_t query_block = 128, key_tile = 64;

struct Interval {
  int64_t begin, end;
};

// The mask of one sample and head.
class HeadMask {
 public:
  HeadMask(const AttentionProblem& p, int64_t sample, int64_t head)
      : mask_(p.mask),
        keys_(p.mask.lengths == nullptr ? p.keys : std::min(p.keys, p.mask.lengths[sample])),
        dense_(p.mask.dense == nullptr ? nullptr
                                       : p.mask.dense + sample * p.mask.dense_sample + head * p.mask.dense_head) {}

  // The keys that the interval rules leave to a query; empty ones have begin = end.
  Interval keys_of(int64_t query) const {
    Interval keys{0, keys_};
    const int64_t position = query + mask_.query_offset;
    if (mask_.causal) keys.end = std::min(keys.end, position + 1);
    if (mask_.window > 0) keys.begin = std::max<int64_t>(0, position - mask_.window + 1);
    keys.begin = std::min(keys.begin, keys.end);
    return keys;
  }
  // The keys that some query of the interval may attend to, as far as intervals tell.
  Interval keys_of(Interval queries) const { return {keys_of(queries.begin).begin, keys_of(queries.end - 1).end}; }
  // Those of the queries that may attend to some of the keys, as far as intervals tell.
  Interval queries_of(Interval keys, Interval queries) const {
    if (mask_.causal) queries.begin = std::max(queries.begin, keys.begin - mask_.query_offset);
    if (mask_.window > 0) queries.end = std::min(queries.end, keys.end - 1 + mask_.window - mask_.query_offset);
    if (keys.begin >= keys_) queries.end = queries.begin;
    queries.end = std::max(queries.begin, queries.end);
    return queries;
  }

  bool allows(int64_t query, int64_t key) const {
    const Interval keys = keys_of(query);
    return keys.begin <= key && key < keys.end && in_dense(query, key);
  }
  // Does some pair of these lie outside the mask?
  bool cuts(Interval queries, Interval keys) const {
    return dense_ != nullptr || keys_of(queries.begin).end < keys.end || keys_of(queries.end - 1).begin > keys.begin;
  }
  bool in_dense(int64_t query, int64_t key) const {
    return dense_ == nullptr || dense_[query * mask_.dense_query + key * mask_.dense_key] != 0;
  }

 private:
  const AttentionMask& mask_;
  int64_t keys_;
  const uint8_t* dense_;
};

// Scores of some queries and keys of one sample and head.
struct Tile {
  Tile(const HeadMask& mask, Interval queries, Interval keys)
      : mask(mask),
        query(queries.begin),
        rows(queries.end - queries.begin),
        key(keys.begin),
        columns(keys.end - keys.begin),
        partial(mask.cuts(queries, keys)) {}

  bool allows(int64_t row, int64_t column) const { return mask.allows(query + row, key + column); }

  // Takes slope * |key - query's position| from every score.
  template <class T>
  void add_bias(const AttentionProblem& p, int64_t head, T* scores) const {
    if (p.slopes == nullptr) return;
    const T slope = static_cast<T>(p.slopes[head]);
    for (int64_t row = 0; row < rows; ++row) {
      T* const to = scores + row * columns;
      const int64_t ahead = key - (query + row + p.mask.query_offset);  // of the first column
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] -= slope * static_cast<T>(std::abs(ahead + i));
    }
  }

  // Writes the value to every pair of x (rows, columns) that lies outside the mask.
  template <class T>
  void fill_outside(T* x, T value) const {
    if (!partial) return;
    for (int64_t row = 0; row < rows; ++row) {
      T* const to = x + row * columns;
      const Interval keys = mask.keys_of(query + row);
      const int64_t begin = std::clamp<int64_t>(keys.begin - key, 0, columns);
      const int64_t end = std::clamp<int64_t>(keys.end - key, begin, columns);
      std::fill(to, to + begin, value);
      std::fill(to + end, to + columns, value);
      for (int64_t i = begin; i < end; ++i) {
        if (!mask.in_dense(query + row, key + i)) to[i] = value;
      }
    }
  }

  const HeadMask& mask;
  int64_t query, rows, key, columns;
  bool partial;
};

// The operands of one sample and head, from a row on.
template <class T>
T* at(T* base, const AttentionStrides& strides, int64_t sample, int64_t head, int64_t row) {
  return base + sample * strides.sample + head * strides.head + row * strides.row;
}

template <class T>
bool all_finite(int64_t rows, int64_t columns, const T* x, int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) {
    T total = 0;  // 0 * x is 0 for finite x, NaN otherwise
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < columns; ++i) total += T(0) * x[row * stride + i];
    if (total != T(0)) return false;
  }
  return true;
}

// C (m, n) += A B, where A (m, k) comes from a tile of weights that is 0 outside the mask. A product would turn 0 * NaN
// into NaN; here rows of B that are not finite reach only the rows of C whose pair `allows(row of C, row of B)`.
// `finite_rows` has room for B.
template <class T, class Allows>
void add_selected(const Product<T>& p, bool partial, const Allows& allows, T* finite_rows, T* scratch) {
  if (!partial || all_finite(p.k, p.n, p.b, p.ldb)) return gemm(p, scratch);
  const auto is_finite = [&](int64_t row) { return all_finite(1, p.n, p.b + row * p.ldb, p.ldb); };
  Product<T> finite = p;
  finite.b = finite_rows;
  finite.ldb = p.n;
  for (int64_t row = 0; row < p.k; ++row) {
    const bool keep = is_finite(row);
    for (int64_t j = 0; j < p.n; ++j) finite_rows[row * p.n + j] = keep ? p.b[row * p.ldb + j] : T(0);
  }
  gemm(finite, scratch);
  for (int64_t row = 0; row < p.k; ++row) {
    if (is_finite(row)) continue;
    for (int64_t i = 0; i < p.m; ++i) {
      if (!allows(i, row)) continue;
      const T weight = p.alpha * (p.transpose_a ? p.a[row * p.lda + i] : p.a[i * p.lda + row]);
      for (int64_t j = 0; j < p.n; ++j) p.c[i * p.ldc + j] += weight * p.b[row * p.ldb + j];
    }
  }
}

// scores (rows, columns) = scale * q k^T of a tile
template <class T>
void scores_of(const AttentionProblem& p, const Tile& tile, const T* q, const T* k, T* scores, T* scratch) {
  gemm<T>({.transpose_b = true,
           .m = tile.rows,
           .n = tile.columns,
           .k = p.key_size,
           .alpha = static_cast<T>(p.scale),
           .a = q,
           .lda = p.q.row,
           .b = k,
           .ldb = p.k.row,
           .c = scores,
           .ldc = tile.columns},
          scratch);
}

// Room for the products above, whatever their tile; in whole cache lines.
template <class T>
int64_t tile_scratch(const AttentionProblem& p) {
  const int64_t size = std::max(p.key_size, p.value_size), rows = std::min(query_block, p.queries),
                columns = std::min(key_tile, p.keys);
  const int64_t count = std::max({gemm_scratch<T>(rows, columns, size), gemm_scratch<T>(rows, size, columns),
                                  gemm_scratch<T>(columns, size, rows)});
  return (count + 63) / 64 * 64;
}

template <class T>
void attention_forward(const AttentionProblem& problem, const T* q, const T* k, const T* v, T* y, T* log_normaliser);
template <class T>
void attention_backward(const AttentionProblem& problem, const T* q, const T* k, const T* v, const T* y,
                        const T* log_normaliser, const T* dy, T* dq, T* dk, T* dv);

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
