#include "autograd/kernels/functions.h"

#include <cmath>

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

// Calls function on each number. Inlined into each of the kernels below.
template <class T, class Function>
[[gnu::always_inline]] inline void map(int64_t n, const T* x, T* y, const Function& function) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = function(x[i]);
  });
}

template <class T>
void exp(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return vector_exp(v); });
}
template <class T>
void tanh(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return vector_tanh(v); });
}
template <class T>
void erf(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return vector_erf(v); });
}
template <class T>
void sigmoid(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return vector_sigmoid(v); });
}
template <class T>
void square(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return v * v; });
}
template <class T>
void sqrt(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return std::sqrt(v); });
}
template <class T>
void rsqrt(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return T(1) / std::sqrt(v); });
}
template <class T>
void log(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return std::log(v); });
}
template <class T>
void relu(int64_t n, const T* x, T* y) {
  map(n, x, y, [](T v) { return v <= T(0) ? T(0) : v; });  // a NaN goes through
}
template <class T>
void power(int64_t n, T exponent, const T* x, T* y) {
  map(n, x, y, [exponent](T v) { return std::pow(v, exponent); });
}
template <class T>
void affine(int64_t n, T scale, T shift, const T* x, T* y) {
  map(n, x, y, [=](T v) { return scale * v + shift; });
}

template <class T>
void relu_backward(int64_t n, const T* y, const T* dy, T* dx) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T d = dy[i];  // read in any case: a branch would not be vectorised
      dx[i] = y[i] > T(0) ? d : T(0);
    }
  });
}

template <class T>
void add_into(int64_t n, const T* x, T* y) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] += x[i];
  });
}

template <class T>
constexpr FunctionKernels<T> table = {.exp = exp<T>,
                                      .tanh = tanh<T>,
                                      .erf = erf<T>,
                                      .sigmoid = sigmoid<T>,
                                      .square = square<T>,
                                      .sqrt = sqrt<T>,
                                      .rsqrt = rsqrt<T>,
                                      .log = log<T>,
                                      .relu = relu<T>,
                                      .power = power<T>,
                                      .affine = affine<T>,
                                      .relu_backward = relu_backward<T>,
                                      .add_into = add_into<T>};

}  // namespace

template <>
const FunctionKernels<float> Levels<FunctionKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const FunctionKernels<double> Levels<FunctionKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
