// Softmax, its logarithm and the cross-entropy over rows of a matrix (rows, columns).
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

// What a cross-entropy is of: logits (rows, columns), and for each row a target.
template <class T>
struct CrossEntropy {
  int64_t rows, columns;
  const T* logits;
  const int32_t* targets;
  int32_t ignored;
  T smoothing;
};

template <class T>
struct SoftmaxKernels {
  void (*softmax)(int64_t rows, int64_t columns, const T* x, T* y);
  void (*softmax_backward)(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx);

  void (*log_softmax)(int64_t rows, int64_t columns, const T* x, T* y);
  void (*log_softmax_backward)(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx);

  // losses[row] = -sum over c of target(c) * log_softmax(logits)(c), with target = (1 - smoothing) one-hot + smoothing
  // / columns; 0 where the target is `ignored`. Kept for the derivative: peaks (rows), the largest logits, and
  // log_totals (rows), the logarithms of the sums of exp(logit - peak).
  void (*cross_entropy)(const CrossEntropy<T>& p, T* losses, T* peaks, T* log_totals);
  // dlogits = dloss * (softmax(logits) - target)
  void (*cross_entropy_backward)(const CrossEntropy<T>& p, const T* peaks, const T* log_totals, T dloss, T* dlogits);
};

template <class T>
const SoftmaxKernels<T>& softmax() {
  return best<SoftmaxKernels<T>>();
}

}  // namespace transformlet::kernels
