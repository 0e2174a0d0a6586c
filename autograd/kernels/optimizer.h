// One sweep over a parameter for each step of an optimiser. Scalars come in double and are rounded to T once; what they
// mean, and the formulas' sources, stand in optim/config.h. Every element is updated by itself, so the bits do not
// depend on the number of threads.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

// g = gradient_scale * gradient + weight_decay * value
// velocity = velocity_keeps * velocity + velocity_takes * g
// value -= learning_rate * (gradient_share * g + velocity_share * velocity)
struct SgdCoefficients {
  double learning_rate, gradient_scale, weight_decay;
  double velocity_keeps, velocity_takes, gradient_share, velocity_share;
};

// g = gradient_scale * gradient + weight_decay * value
// first = beta1 * first + (1 - beta1) * g
// second = beta2 * second + (1 - beta2) * g^2
// value = value_keeps * value - step_size * first / (root_scale * sqrt(second) + epsilon)
struct AdamCoefficients {
  double gradient_scale, weight_decay;
  double beta1, beta2;
  double value_keeps, step_size, root_scale, epsilon;
};

// g = gradient_scale * gradient
// value = value_keeps * value - learning_rate * sign(beta1 * momentum + (1 - beta1) * g)
// momentum = beta2 * momentum + (1 - beta2) * g
// The sign of 0 is 0, and that of NaN is NaN.
struct LionCoefficients {
  double gradient_scale, learning_rate;
  double beta1, beta2;
  double value_keeps;
};

template <class T>
struct OptimizerKernels {
  // Without momentum: value -= learning_rate * g.
  void (*sgd)(int64_t n, const SgdCoefficients& coefficients, const T* gradient, T* value);
  void (*sgd_momentum)(int64_t n, const SgdCoefficients& coefficients, const T* gradient, T* value, T* velocity);
  void (*adam)(int64_t n, const AdamCoefficients& coefficients, const T* gradient, T* value, T* first, T* second);
  void (*lion)(int64_t n, const LionCoefficients& coefficients, const T* gradient, T* value, T* momentum);
  // y[i] = a * x[i] + b * y[i]; y may be x.
  void (*combine)(int64_t n, double a, const T* x, double b, T* y);
  // y[i] += share * (x[i] - y[i]): what is equal stays equal, which shares rounded apart would not keep.
  void (*move_towards)(int64_t n, double share, const T* x, T* y);
  // y[i] = x[i], brought into -bound ... bound. NaN stays NaN.
  void (*clamp)(int64_t n, double bound, const T* x, T* y);
};

template <class T>
const OptimizerKernels<T>& optimizer() {
  return best<OptimizerKernels<T>>();
}

}  // namespace transformlet::kernels
