// Products of matrices. Every element of C is summed over k in an order that depends on k alone, so its bits depend on
// neither the number of threads nor the number of rows.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

// C (m, n) = alpha * A B + beta * C, row-major. A is (m, k), or (k, m) if transposed; B is (k, n), or (n, k). lda, ldb
// and ldc are the distances between rows. With beta = 0, C is not read.
template <class T>
struct Product {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  T alpha = 1;
  const T* a = nullptr;
  int64_t lda = 0;
  const T* b = nullptr;
  int64_t ldb = 0;
  T beta = 0;
  T* c = nullptr;
  int64_t ldc = 0;
  const T* row_bias = nullptr;  // (n), added to every row
};

template <class T>
struct MatmulKernels {
  void (*product)(const Product<T>&);
  // The same product at `count` places: a[i], b[i], c[i] replace the pointers.
  void (*batch)(const Product<T>&, int64_t count, const T* const* a, const T* const* b, T* const* c);
};

template <class T>
const MatmulKernels<T>& matmul() {
  return best<MatmulKernels<T>>();
}

}  // namespace transformlet::kernels
