#include "layers/basic.h"

#include <cmath>

namespace transformlet {

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::relu:
      return relu(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu(x, Gelu::tanh);
  }
  return x;
}

Tensor FeedForward::operator()(const Tensor& x, const Pass& pass) const {
  const Tensor hidden = pass.tap(path, "hidden", activate(activation, up(x)));
  return down(dropout(hidden, pass));
}

Tensor sinusoidal_positions(int64_t length, int64_t d_model, DType dtype) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(length * d_model));
  for (int64_t position = 0; position < length; ++position) {
    for (int64_t column = 0; column < d_model; ++column) {
      const double exponent = static_cast<double>(column / 2 * 2) / static_cast<double>(d_model);
      const double angle = static_cast<double>(position) / std::pow(10000.0, exponent);
      values.push_back(column % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
  return tensor(values, {length, d_model}, dtype);
}

}  // namespace transformlet
