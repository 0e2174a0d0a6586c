// Initial values of parameters.
//
// A weight is (out, in), as in PyTorch: fan_in = in and fan_out = out, times the product of any further axes.
#pragma once

#include <cstdint>

#include "autograd/shape.h"
#include "base/random.h"

namespace transformlet {

class Initializer {
 public:
  enum class Distribution { constant, uniform, normal };
  // What the spread is derived from. sum: fan_in + fan_out (Xavier); in: fan_in (Kaiming); none: the spread is
  // absolute.
  enum class Fan { none, in, sum };

  Initializer(Distribution distribution, Fan fan, double gain) : distribution_(distribution), fan_(fan), gain_(gain) {}

  // For a packed weight, such as queries, keys and values in one matrix (3 * d, in): each of the `parts` is initialised
  // as if it stood alone, so that fan_out is d instead of 3 * d.
  Initializer in_parts(int64_t parts) const;

  // The mean is 0 (or the constant); this is the bound of the uniform or the deviation of the normal distribution.
  double spread(const Shape& shape) const;

  template <class T>
  void fill(const Shape& shape, RandomStream& stream, T* values) const {
    const double size = distribution_ == Distribution::constant ? gain_ : spread(shape);
    for (int64_t i = 0, count = shape.size(); i < count; ++i) values[i] = static_cast<T>(draw(size, stream));
  }

 private:
  double draw(double spread, RandomStream& stream) const;

  Distribution distribution_;
  Fan fan_;
  double gain_;
  int64_t parts_ = 1;
};

inline Initializer constant(double value) {
  return {Initializer::Distribution::constant, Initializer::Fan::none, value};
}
inline Initializer all_zeros() { return constant(0.0); }
inline Initializer all_ones() { return constant(1.0); }
inline Initializer uniform(double bound) { return {Initializer::Distribution::uniform, Initializer::Fan::none, bound}; }
inline Initializer normal(double deviation) {
  return {Initializer::Distribution::normal, Initializer::Fan::none, deviation};
}

// Variance gain^2 * 2 / (fan_in + fan_out): keeps the variance of activations and gradients (Glorot and Bengio 2010).
inline Initializer xavier_uniform(double gain = 1.0) {
  return {Initializer::Distribution::uniform, Initializer::Fan::sum, gain};
}
inline Initializer xavier_normal(double gain = 1.0) {
  return {Initializer::Distribution::normal, Initializer::Fan::sum, gain};
}
// Variance gain^2 / fan_in, by default for ReLU: gain sqrt(2) (He et al. 2015).
inline constexpr double relu_gain = 1.4142135623730951;
inline Initializer kaiming_uniform(double gain = relu_gain) {
  return {Initializer::Distribution::uniform, Initializer::Fan::in, gain};
}
inline Initializer kaiming_normal(double gain = relu_gain) {
  return {Initializer::Distribution::normal, Initializer::Fan::in, gain};
}

}  // namespace transformlet
