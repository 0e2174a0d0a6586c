#include "autograd/kernels/activations.h"

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

// Each activation says its value and its derivative at one number.

// x Phi(x). Negative numbers take Phi from its tail, so that it keeps its digits.
struct Gelu {
  template <class T>
  [[gnu::always_inline]] static T value(T x) {
    return x * vector_normal(x).below;
  }
  template <class T>
  [[gnu::always_inline]] static T derivative(T x) {
    constexpr T inverse_root_2_pi = T(0.39894228040143267794);
    const Normal<T> normal = vector_normal(x);
    return normal.below + x * (inverse_root_2_pi * normal.density);
  }
};

// 0.5 x (1 + tanh(u)) is x sigmoid(2 u), which takes one exponential and keeps the digits of negative numbers.
struct GeluTanh {
  static constexpr double twice_root_2_over_pi = 1.5957691216057307117, cubic = 0.044715;

  template <class T>
  [[gnu::always_inline]] static T gate(T x) {
    return vector_sigmoid(T(twice_root_2_over_pi) * (x + T(cubic) * x * x * x));
  }
  template <class T>
  [[gnu::always_inline]] static T value(T x) {
    return x * gate(x);
  }
  template <class T>
  [[gnu::always_inline]] static T derivative(T x) {
    const T s = gate(x);
    return s + x * s * (T(1) - s) * (T(twice_root_2_over_pi) * (T(1) + T(3 * cubic) * x * x));
  }
};

// x sigmoid(x)
struct Silu {
  template <class T>
  [[gnu::always_inline]] static T value(T x) {
    return x / (T(1) + vector_exp(-x));
  }
  template <class T>
  [[gnu::always_inline]] static T derivative(T x) {
    const T s = vector_sigmoid(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

template <class Function, class T>
void forward(int64_t n, const T* x, T* y) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = Function::value(x[i]);
  });
}

template <class Function, class T>
void backward(int64_t n, const T* x, const T* dy, T* dx) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * Function::derivative(x[i]);
  });
}

template <class Function, class T>
constexpr Activation<T> both = {forward<Function, T>, backward<Function, T>};

}  // namespace

template <>
const ActivationKernels<float> Levels<ActivationKernels<float>>::TRANSFORMLET_LEVEL = {
    both<Gelu, float>, both<GeluTanh, float>, both<Silu, float>};
template <>
const ActivationKernels<double> Levels<ActivationKernels<double>>::TRANSFORMLET_LEVEL = {
    both<Gelu, double>, both<GeluTanh, double>, both<Silu, double>};

}  // namespace transformlet::kernels
