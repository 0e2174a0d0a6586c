// Softmax, its logarithm and the cross-entropy over rows of a matrix (rows, columns).
#pragma once

#include <cstdint>

namespace transformlet::kernels {

template <class T>
void softmax(int64_t rows, int64_t columns, const T* x, T* y);
template <class T>
void softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx);

template <class T>
void log_softmax(int64_t rows, int64_t columns, const T* x, T* y);
template <class T>
void log_softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx);

// losses[row] = -sum over c of target(c) * log_softmax(logits)(c), with target = (1 - smoothing) one-hot + smoothing /
// columns; 0 where the target is `ignored`. log_totals (rows), the logarithm of the sum of exp(logit - largest), is
// kept for the derivative.
template <class T>
void cross_entropy(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, int32_t ignored, T smoothing,
                   T* losses, T* log_totals);
// dlogits = dloss * (softmax(logits) - target)
template <class T>
void cross_entropy_backward(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, int32_t ignored,
                            T smoothing, const T* log_totals, T dloss, T* dlogits);

}  // namespace transformlet::kernels
