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
    case Activation::silu:
    case Activation::swiglu:
      return silu(x);
    case Activation::geglu:
      return gelu(x);
  }
  return x;
}

std::optional<Linear> FeedForward::gate_if(bool present, const Scope& scope, const FeedForwardOptions& options) {
  if (!present) return std::nullopt;
  return Linear(scope / "gate", options.d_model, options.d_ff, options.bias, options.up_initializer);
}

Tensor FeedForward::operator()(const Tensor& x, const Pass& pass) const {
  const bool between = pass.wants(path, "hidden") || (pass.is_training() && dropout.probability > 0);
  const bool is_gelu = activation == Activation::gelu || activation == Activation::gelu_tanh;
  if (is_gelu && !between) {  // the same function, with less to keep
    return gelu_linear(up(x), down.weight, down.bias, activation == Activation::gelu ? Gelu::exact : Gelu::tanh);
  }
  const Tensor active = gate ? activate(activation, (*gate)(x)) * up(x) : activate(activation, up(x));
  const Tensor hidden = pass.tap(path, "hidden", active);
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

Positions::Positions(const Scope& scope, Position kind, int64_t max_length, int64_t d_model) {
  if (kind == Position::learned) table = Embedding(scope, max_length, d_model, normal(0.02)).weight;
  if (kind == Position::sinusoidal && !scope.is_dry()) table = sinusoidal_positions(max_length, d_model, scope.dtype());
}

Tensor Positions::operator()(const Tensor& x, int64_t offset) const {
  if (!table.defined()) return x;
  const int64_t end = offset + x.dim(-2), max_length = table.dim(0);
  require(end <= max_length, "a sequence of {} is longer than the model's {} positions", end, max_length);
  return x + (x.dim(-2) == max_length ? table : slice(table, 0, offset, end));
}

}  // namespace transformlet
