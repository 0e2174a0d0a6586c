// Functions of one number, over arrays.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

template <class T>
struct FunctionKernels {
  // y[i] = function(x[i]); y may be x.
  using Function = void(int64_t n, const T* x, T* y);
  Function *exp, *tanh, *erf, *sigmoid, *square, *sqrt, *rsqrt, *log, *relu;
  void (*power)(int64_t n, T exponent, const T* x, T* y);
  void (*affine)(int64_t n, T scale, T shift, const T* x, T* y);  // scale * x + shift
  // dx[i] = y[i] > 0 ? dy[i] : 0
  void (*relu_backward)(int64_t n, const T* y, const T* dy, T* dx);
  // y[i] += x[i]
  void (*add_into)(int64_t n, const T* x, T* y);
};

template <class T>
const FunctionKernels<T>& functions() {
  return best<FunctionKernels<T>>();
}

}  // namespace transformlet::kernels
