#include "autograd/kernels/optimizer.h"

#include <cmath>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {
namespace {

template <class T>
void sgd(int64_t n, const SgdCoefficients& coefficients, const T* gradient, T* value) {
  const T rate = static_cast<T>(coefficients.learning_rate);
  const T scale = static_cast<T>(coefficients.gradient_scale);
  const T decay = static_cast<T>(coefficients.weight_decay);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) value[i] -= rate * (scale * gradient[i] + decay * value[i]);
  });
}

template <class T>
void sgd_momentum(int64_t n, const SgdCoefficients& coefficients, const T* gradient, T* value, T* velocity) {
  const T rate = static_cast<T>(coefficients.learning_rate);
  const T scale = static_cast<T>(coefficients.gradient_scale);
  const T decay = static_cast<T>(coefficients.weight_decay);
  const T keeps = static_cast<T>(coefficients.velocity_keeps);
  const T takes = static_cast<T>(coefficients.velocity_takes);
  const T gradient_share = static_cast<T>(coefficients.gradient_share);
  const T velocity_share = static_cast<T>(coefficients.velocity_share);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T g = scale * gradient[i] + decay * value[i];
      const T v = keeps * velocity[i] + takes * g;
      velocity[i] = v;
      value[i] -= rate * (gradient_share * g + velocity_share * v);
    }
  });
}

template <class T>
void adam(int64_t n, const AdamCoefficients& coefficients, const T* gradient, T* value, T* first, T* second) {
  const T scale = static_cast<T>(coefficients.gradient_scale);
  const T decay = static_cast<T>(coefficients.weight_decay);
  const T value_keeps = static_cast<T>(coefficients.value_keeps);
  const T beta1 = static_cast<T>(coefficients.beta1), rest1 = static_cast<T>(1 - coefficients.beta1);
  const T beta2 = static_cast<T>(coefficients.beta2), rest2 = static_cast<T>(1 - coefficients.beta2);
  const T step_size = static_cast<T>(coefficients.step_size);
  const T root_scale = static_cast<T>(coefficients.root_scale);
  const T epsilon = static_cast<T>(coefficients.epsilon);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T g = scale * gradient[i] + decay * value[i];
      const T m = beta1 * first[i] + rest1 * g;
      const T v = beta2 * second[i] + rest2 * g * g;
      first[i] = m;
      second[i] = v;
      value[i] = value_keeps * value[i] - step_size * (m / (root_scale * std::sqrt(v) + epsilon));
    }
  });
}

template <class T>
void lion(int64_t n, const LionCoefficients& coefficients, const T* gradient, T* value, T* momentum) {
  const T scale = static_cast<T>(coefficients.gradient_scale);
  const T rate = static_cast<T>(coefficients.learning_rate);
  const T value_keeps = static_cast<T>(coefficients.value_keeps);
  const T beta1 = static_cast<T>(coefficients.beta1), rest1 = static_cast<T>(1 - coefficients.beta1);
  const T beta2 = static_cast<T>(coefficients.beta2), rest2 = static_cast<T>(1 - coefficients.beta2);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T g = scale * gradient[i], m = momentum[i];
      const T direction = beta1 * m + rest1 * g;
      // What is neither above nor below 0 is 0 or NaN, and stays.
      const T sign = direction > 0 ? T{1} : direction < 0 ? T{-1} : direction;
      value[i] = value_keeps * value[i] - rate * sign;
      momentum[i] = beta2 * m + rest2 * g;
    }
  });
}

template <class T>
void combine(int64_t n, double a, const T* x, double b, T* y) {
  const T share_of_x = static_cast<T>(a), share_of_y = static_cast<T>(b);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = share_of_x * x[i] + share_of_y * y[i];
  });
}

template <class T>
void move_towards(int64_t n, double share, const T* x, T* y) {
  const T of_the_way = static_cast<T>(share);
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] += of_the_way * (x[i] - y[i]);
  });
}

template <class T>
void clamp(int64_t n, double bound, const T* x, T* y) {
  const T high = static_cast<T>(bound), low = -high;
  // Both comparisons are false for NaN, which therefore stays.
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = x[i] < low ? low : x[i] > high ? high : x[i];
  });
}

template <class T>
constexpr OptimizerKernels<T> table = {sgd<T>,     sgd_momentum<T>, adam<T>, lion<T>,
                                       combine<T>, move_towards<T>, clamp<T>};

}  // namespace

template <>
const OptimizerKernels<float> Levels<OptimizerKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const OptimizerKernels<double> Levels<OptimizerKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
