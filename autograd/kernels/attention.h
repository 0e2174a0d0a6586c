// Attention that never holds the whole matrix of weights: tiles of scores, a running maximum and sum in the forward
// pass, scores computed again from the rows' log-normalisers in the backward pass (Dao et al. 2022, FlashAttention).
// Tiles that the mask empties are skipped.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"
#include "base/random.h"

namespace transformlet::kernels {

// Where an operand lies: the distance between samples, between heads, between rows. The last axis is dense, so heads
// may be windows of a packed projection.
struct AttentionStrides {
  int64_t sample = 0, head = 0, row = 0;
};

// Which query may attend to which key: the interval that the causal, window and length rules leave, and the dense mask.
struct AttentionMask {
  bool causal = false;
  int64_t query_offset = 0;
  int64_t window = 0;  // 0: unlimited
  const int64_t* lengths = nullptr;
  const uint8_t* dense = nullptr;
  int64_t dense_sample = 0, dense_head = 0, dense_query = 0, dense_key = 0;  // strides; 0: broadcast
};

struct AttentionProblem {
  int64_t samples = 1, heads = 1, queries = 0, keys = 0;
  int64_t group = 1;  // heads that share a head of keys and values: head h reads head h / group of k and v
  int64_t key_size = 0, value_size = 0;  // of a head
  double scale = 1;
  const double* slopes = nullptr;  // of each head: slope * distance is taken from a score (ALiBi); null: nothing is
  AttentionStrides q, k, v, y;
  AttentionMask mask;
  double dropout = 0;  // on the weights: row h * queries + i of a sample, column j
  RandomKey dropout_key{0};
  int64_t first_sample = 0;
};

template <class T>
struct AttentionKernels {
  // y = softmax(scale * q k^T, masked) v; log_normaliser (samples, heads, queries) is kept for the derivative. A row
  // that may attend to nothing gives zeros. A row depends on no key and value that it may not attend to, NaN included.
  void (*forward)(const AttentionProblem& problem, const T* q, const T* k, const T* v, T* y, T* log_normaliser);

  // dq, dk and dv have the strides of q, k and v; dy has that of y. Heads of a group add up in dk and dv.
  void (*backward)(const AttentionProblem& problem, const T* q, const T* k, const T* v, const T* y,
                   const T* log_normaliser, const T* dy, T* dq, T* dk, T* dv);
};

template <class T>
const AttentionKernels<T>& attention() {
  return best<AttentionKernels<T>>();
}

}  // namespace transformlet::kernels
