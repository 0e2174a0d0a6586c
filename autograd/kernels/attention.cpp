#include "autograd/kernels/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/dropout.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/scratch.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

template <class T>
void matmul_serial(const Product<T>& p) {
  Scratch<T> scratch(gemm_scratch<T>(p.m, p.n, p.k));
  gemm(p, scratch.data());
}

constexpr int64_t query_tile = 64, key_tile = 128;

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

// C (m, n) += A B, where A (m, k) comes from a tile of weights that is 0 outside the mask. BLAS would turn 0 * NaN into
// NaN; here rows of B that are not finite reach only the rows of C whose pair `allows(row of C, row of B)`.
template <class T, class Allows>
void add_selected(const Product<T>& p, bool partial, const Allows& allows) {
  if (!partial || all_finite(p.k, p.n, p.b, p.ldb)) return matmul_serial(p);
  Scratch<T> scratch(p.k * p.n);
  Product<T> finite = p;
  finite.b = scratch.data();
  finite.ldb = p.n;
  std::vector<int64_t> others;
  for (int64_t row = 0; row < p.k; ++row) {
    const T* const from = p.b + row * p.ldb;
    T* const to = scratch.data() + row * p.n;
    if (all_finite(1, p.n, from, 0)) {
      std::copy_n(from, p.n, to);
    } else {
      std::fill_n(to, p.n, T(0));
      others.push_back(row);
    }
  }
  matmul_serial(finite);
  for (const int64_t row : others) {
    for (int64_t i = 0; i < p.m; ++i) {
      if (!allows(i, row)) continue;
      const T weight = p.alpha * (p.transpose_a ? p.a[row * p.lda + i] : p.a[i * p.lda + row]);
      for (int64_t j = 0; j < p.n; ++j) p.c[i * p.ldc + j] += weight * p.b[row * p.ldb + j];
    }
  }
}

// The operands of one sample and head.
template <class T>
T* at(T* base, const AttentionStrides& strides, int64_t sample, int64_t head, int64_t row) {
  return base + sample * strides.sample + head * strides.head + row * strides.row;
}

// scores (rows, columns) = scale * q k^T of a tile
template <class T>
void scores_of(const AttentionProblem& p, const Tile& tile, const T* q, const T* k, T* scores) {
  matmul_serial<T>({.transpose_b = true,
                    .m = tile.rows,
                    .n = tile.columns,
                    .k = p.key_size,
                    .alpha = static_cast<T>(p.scale),
                    .a = q,
                    .lda = p.q.row,
                    .b = k,
                    .ldb = p.k.row,
                    .c = scores,
                    .ldc = tile.columns});
}

template <class T>
void attend_query_tile(const AttentionProblem& p, int64_t sample, int64_t head, int64_t query, const T* q, const T* k,
                       const T* v, T* y, T* log_normaliser, T* weights) {
  const HeadMask mask(p, sample, head);
  const DropoutMask dropout(p.dropout, p.dropout_key, p.first_sample);
  const int64_t rows = std::min(query_tile, p.queries - query);
  const Interval keys = mask.keys_of(query, query + rows);
  T* const out = at(y, p.y, sample, head, query);
  for (int64_t row = 0; row < rows; ++row) std::fill_n(out + row * p.y.row, p.value_size, T(0));
  std::array<T, query_tile> peak, total;
  peak.fill(-std::numeric_limits<T>::infinity());
  total.fill(T(0));

  for (int64_t key = keys.begin; key < keys.end; key += key_tile) {
    Tile tile{mask, query, rows, key, std::min(key_tile, keys.end - key), false};
    tile.partial = mask.cuts(query, query + rows, {key, key + tile.columns});
    scores_of(p, tile, at(q, p.q, sample, head, query), at(k, p.k, sample, head, key), weights);
    tile.fill_outside(weights, -std::numeric_limits<T>::infinity());
    for (int64_t row = 0; row < rows; ++row) {
      const auto r = static_cast<size_t>(row);
      T* const w = weights + row * tile.columns;
      T highest = peak[r];
#pragma omp simd reduction(max : highest)
      for (int64_t i = 0; i < tile.columns; ++i) highest = w[i] > highest ? w[i] : highest;
      if (highest == -std::numeric_limits<T>::infinity()) {
        // Nothing seen so far, unless a NaN hides behind the comparison: that one must come through.
        T sum = 0;
        for (int64_t i = 0; i < tile.columns; ++i) sum += w[i] = std::isnan(w[i]) ? w[i] : T(0);
        total[r] += sum;
        continue;
      }
      const T factor = vector_exp(peak[r] - highest);
      T sum = 0;
      for (int64_t i = 0; i < tile.columns; ++i) sum += w[i] = vector_exp(w[i] - highest);
      total[r] = total[r] * factor + sum;
      peak[r] = highest;
      if (p.dropout > 0) dropout.apply(sample, head * p.queries + query + row, key, tile.columns, w, w);
      if (factor != T(1)) {
        for (int64_t i = 0; i < p.value_size; ++i) out[row * p.y.row + i] *= factor;
      }
    }
    add_selected<T>({.m = rows,
                     .n = p.value_size,
                     .k = tile.columns,
                     .a = weights,
                     .lda = tile.columns,
                     .b = at(v, p.v, sample, head, key),
                     .ldb = p.v.row,
                     .beta = 1,
                     .c = out,
                     .ldc = p.y.row},
                    tile.partial, [&](int64_t row, int64_t column) { return tile.allows(row, column); });
  }
  for (int64_t row = 0; row < rows; ++row) {
    const auto r = static_cast<size_t>(row);
    log_normaliser[(sample * p.heads + head) * p.queries + query + row] = peak[r] + std::log(total[r]);
    if (total[r] == T(0)) continue;
    const T scale = T(1) / total[r];
    for (int64_t i = 0; i < p.value_size; ++i) out[row * p.y.row + i] *= scale;
  }
}

// The gradients of one sample and head. With W the weights, M the dropout mask and D[i] = <dy[i], y[i]>:
// dv = (W M)^T dy;  dS = W (M (dy v^T) - D);  dq = scale dS k;  dk = scale dS^T q.
template <class T>
void attend_head_backward(const AttentionProblem& p, int64_t sample, int64_t head, const T* q, const T* k, const T* v,
                          const T* y, const T* log_normaliser, const T* dy, T* dq, T* dk, T* dv, T* scratch) {
  const HeadMask mask(p, sample, head);
  const DropoutMask dropout(p.dropout, p.dropout_key, p.first_sample);
  T* const weights = scratch;
  T* const kept = p.dropout > 0 ? scratch + query_tile * key_tile : weights;
  T* const dscores = scratch + 2 * query_tile * key_tile;
  for (int64_t i = 0; i < p.queries; ++i) std::fill_n(at(dq, p.q, sample, head, i), p.key_size, T(0));
  for (int64_t j = 0; j < p.keys; ++j) {
    std::fill_n(at(dk, p.k, sample, head, j), p.key_size, T(0));
    std::fill_n(at(dv, p.v, sample, head, j), p.value_size, T(0));
  }
  for (int64_t query = 0; query < p.queries; query += query_tile) {
    const int64_t rows = std::min(query_tile, p.queries - query);
    const Interval keys = mask.keys_of(query, query + rows);
    const T* const normalisers = log_normaliser + (sample * p.heads + head) * p.queries + query;
    const T* const d = at(dy, p.y, sample, head, query);
    const T* const out = at(y, p.y, sample, head, query);
    std::array<T, query_tile> correction;
    for (int64_t row = 0; row < rows; ++row) {
      T total = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t i = 0; i < p.value_size; ++i) total += d[row * p.y.row + i] * out[row * p.y.row + i];
      correction[static_cast<size_t>(row)] = total;
    }
    for (int64_t key = keys.begin; key < keys.end; key += key_tile) {
      Tile tile{mask, query, rows, key, std::min(key_tile, keys.end - key), false};
      tile.partial = mask.cuts(query, query + rows, {key, key + tile.columns});
      const T* const q_tile = at(q, p.q, sample, head, query);
      const T* const k_tile = at(k, p.k, sample, head, key);
      const auto allows = [&](int64_t row, int64_t column) { return tile.allows(row, column); };
      const auto allows_turned = [&](int64_t column, int64_t row) { return tile.allows(row, column); };

      scores_of(p, tile, q_tile, k_tile, weights);
      for (int64_t row = 0; row < rows; ++row) {
        T* const w = weights + row * tile.columns;
        for (int64_t i = 0; i < tile.columns; ++i) w[i] = vector_exp(w[i] - normalisers[row]);
      }
      tile.fill_outside(weights, T(0));
      if (p.dropout > 0) {
        for (int64_t row = 0; row < rows; ++row) {
          dropout.apply(sample, head * p.queries + query + row, key, tile.columns, weights + row * tile.columns,
                        kept + row * tile.columns);
        }
      }
      add_selected<T>({.transpose_a = true,
                       .m = tile.columns,
                       .n = p.value_size,
                       .k = rows,
                       .a = kept,
                       .lda = tile.columns,
                       .b = d,
                       .ldb = p.y.row,
                       .beta = 1,
                       .c = at(dv, p.v, sample, head, key),
                       .ldc = p.v.row},
                      tile.partial, allows_turned);
      matmul_serial<T>({.transpose_b = true,
                        .m = rows,
                        .n = tile.columns,
                        .k = p.value_size,
                        .a = d,
                        .lda = p.y.row,
                        .b = at(v, p.v, sample, head, key),
                        .ldb = p.v.row,
                        .c = dscores,
                        .ldc = tile.columns});
      for (int64_t row = 0; row < rows; ++row) {
        T* const ds = dscores + row * tile.columns;
        const T* const w = weights + row * tile.columns;
        if (p.dropout > 0) dropout.apply(sample, head * p.queries + query + row, key, tile.columns, ds, ds);
        const T shift = correction[static_cast<size_t>(row)];
#pragma omp simd
        for (int64_t i = 0; i < tile.columns; ++i) ds[i] = w[i] * (ds[i] - shift);
      }
      tile.fill_outside(dscores, T(0));  // 0 * NaN again
      add_selected<T>({.m = rows,
                       .n = p.key_size,
                       .k = tile.columns,
                       .alpha = static_cast<T>(p.scale),
                       .a = dscores,
                       .lda = tile.columns,
                       .b = k_tile,
                       .ldb = p.k.row,
                       .beta = 1,
                       .c = at(dq, p.q, sample, head, query),
                       .ldc = p.q.row},
                      tile.partial, allows);
      add_selected<T>({.transpose_a = true,
                       .m = tile.columns,
                       .n = p.key_size,
                       .k = rows,
                       .alpha = static_cast<T>(p.scale),
                       .a = dscores,
                       .lda = tile.columns,
                       .b = q_tile,
                       .ldb = p.q.row,
                       .beta = 1,
                       .c = at(dk, p.k, sample, head, key),
                       .ldc = p.k.row},
                      tile.partial, allows_turned);
    }
  }
}

template <class T>
void forward(const AttentionProblem& p, const T* q, const T* k, const T* v, T* y, T* log_normaliser) {
  const int64_t tiles = (p.queries + query_tile - 1) / query_tile;
  const int64_t cost = std::min(query_tile, p.queries) * p.keys * (p.key_size + p.value_size) / 8;
  for_rows(p.samples * p.heads * tiles, cost, [&](int64_t first, int64_t last) {
    Scratch<T> weights(query_tile * key_tile);
    for (int64_t i = first; i < last; ++i) {
      const int64_t head = i / tiles;
      attend_query_tile(p, head / p.heads, head % p.heads, i % tiles * query_tile, q, k, v, y, log_normaliser,
                        weights.data());
    }
  });
}

template <class T>
void backward(const AttentionProblem& p, const T* q, const T* k, const T* v, const T* y, const T* log_normaliser,
              const T* dy, T* dq, T* dk, T* dv) {
  const int64_t cost = p.queries * p.keys * (p.key_size + p.value_size) / 4;
  for_rows(p.samples * p.heads, cost, [&](int64_t first, int64_t last) {
    Scratch<T> scratch(3 * query_tile * key_tile);
    for (int64_t i = first; i < last; ++i) {
      attend_head_backward(p, i / p.heads, i % p.heads, q, k, v, y, log_normaliser, dy, dq, dk, dv, scratch.data());
    }
  });
}

}  // namespace

template <>
const AttentionKernels<float> Levels<AttentionKernels<float>>::TRANSFORMLET_LEVEL = {forward<float>, backward<float>};
template <>
const AttentionKernels<double> Levels<AttentionKernels<double>>::TRANSFORMLET_LEVEL = {forward<double>,
                                                                                       backward<double>};

}  // namespace transformlet::kernels
