// Sums and maxima over the middle axis of an array seen as (outer, count, inner).
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

// Long sums are cut into pieces of fixed length that are added up in a fixed order, so the bits do not depend on the
// number of threads.
template <class T>
struct ReduceKernels {
  // y (outer, inner) = the sum over the middle axis of x (outer, count, inner).
  void (*sum_middle)(int64_t outer, int64_t count, int64_t inner, const T* x, T* y);
  // y (outer, inner) = the largest value, chosen (outer, count, inner) = 1 at its first place and 0 elsewhere. NaN
  // wins.
  void (*max_middle)(int64_t outer, int64_t count, int64_t inner, const T* x, T* y, T* chosen);
  // The sum of x[i]^2, in double.
  double (*sum_of_squares)(int64_t n, const T* x);
};

template <class T>
const ReduceKernels<T>& reduce() {
  return best<ReduceKernels<T>>();
}

}  // namespace transformlet::kernels
