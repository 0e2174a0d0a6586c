// Layer norm and RMS norm over rows of a matrix (rows, columns).
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

template <class T>
struct NormKernels {
  // y = (x - mean) * inverse_deviation * gain + bias (null: none); mean and inverse_deviation (rows) are kept for the
  // derivative.
  void (*layer_norm)(int64_t rows, int64_t columns, const T* x, const T* gain, const T* bias, T epsilon, T* y, T* mean,
                     T* inverse_deviation);
  // The gradients; a null pointer dx or dbias asks for none.
  void (*layer_norm_backward)(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* mean,
                              const T* inverse_deviation, T* dx, T* dgain, T* dbias);

  // y = x * inverse_rms * gain; inverse_rms (rows) is kept for the derivative.
  void (*rms_norm)(int64_t rows, int64_t columns, const T* x, const T* gain, T epsilon, T* y, T* inverse_rms);
  void (*rms_norm_backward)(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* inverse_rms,
                            T* dx, T* dgain);
};

template <class T>
const NormKernels<T>& norm() {
  return best<NormKernels<T>>();
}

}  // namespace transformlet::kernels
