// Smooth activations, over arrays.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

template <class T>
struct Activation {
  void (*forward)(int64_t n, const T* x, T* y);
  void (*backward)(int64_t n, const T* x, const T* dy, T* dx);  // dx = dy * f'(x)
};

template <class T>
struct ActivationKernels {
  Activation<T> gelu, gelu_tanh, silu;
};

template <class T>
const ActivationKernels<T>& activations() {
  return best<ActivationKernels<T>>();
}

}  // namespace transformlet::kernels
