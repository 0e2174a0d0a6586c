// Products of matrices, by BLAS. Each is cut over its outputs at places that depend on its size alone, and every part
// is one single-threaded call, so the bits do not depend on the number of threads (OpenBLAS's own threading changes
// them).
#pragma once

#include <cstdint>

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
  const T* row_bias = nullptr;
};

template <class T>
void matmul(const Product<T>& product);

// The same in one thread: for use inside a parallel loop, or for products known to be small.
template <class T>
void matmul_serial(const Product<T>& product);

// The same product at `count` places: a[i], b[i], c[i] replace the pointers.
template <class T>
void matmul_batch(const Product<T>& product, int64_t count, const T* const* a, const T* const* b, T* const* c);

// What the linked BLAS says of itself; an Error if it is an OpenBLAS built with threads of its own.
const char* blas_description();

}  // namespace transformlet::kernels
