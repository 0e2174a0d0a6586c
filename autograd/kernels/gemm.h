// Products of matrices in one thread. For kernel files.
#pragma once

#include "autograd/kernels/matmul.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

// The rows and columns of C that stay in registers; parts of a product had better be whole tiles.
constexpr int64_t gemm_tile_rows = 6;
template <class T>
int64_t gemm_tile_columns();

// How many numbers of scratch memory a product of this size needs.
template <class T>
int64_t gemm_scratch(int64_t m, int64_t n, int64_t k);

// The product, in this thread. Every element of C is summed over k in one order that depends on k alone. So its bits
// depend neither on how C is cut among threads nor on how many rows a product has.
template <class T>
void gemm(const Product<T>& product, T* scratch);

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
