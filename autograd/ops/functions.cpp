// Primitives: functions of one number.
#include <cmath>
#include <numbers>

#include "autograd/catalogue.h"
#include "autograd/kernels/elementwise.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

template <class Function>
Tensor map_one(const Tensor& x, const Function& function) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { kernels::map(x.size(), x.data<T>(), y.data<T>(), function); });
  return y;
}

// An op whose derivative is best said with its input.
template <class Function, class Derivative>
Tensor record_with_input(const char* op, const Tensor& x, const Function& function, const Derivative& derivative) {
  auto vjp = [derivative](const Backward& backward) -> TensorList {
    return {backward.dy() * derivative(backward.saved[0])};
  };
  return record({.op = op, .inputs = {x}, .outputs = {map_one(x, function)}, .vjp = vjp, .saves = {x}});
}

// An op whose derivative is best said with its output.
template <class Function, class Derivative>
Tensor record_with_output(const char* op, const Tensor& x, const Function& function, const Derivative& derivative) {
  auto vjp = [derivative](const Backward& backward) -> TensorList {
    return {backward.dy() * derivative(backward.outputs[0])};
  };
  return record({.op = op, .inputs = {x}, .outputs = {map_one(x, function)}, .vjp = vjp, .keeps_output = true});
}

}  // namespace

Tensor power(const Tensor& x, double exponent) {
  return record_with_input(
      "power", x,
      [exponent](auto v) { return static_cast<decltype(v)>(std::pow(v, static_cast<decltype(v)>(exponent))); },
      [exponent](const Tensor& x) {
        if (exponent == 0.0) return zeros(x.shape(), x.dtype());
        return power(x, exponent - 1.0) * exponent;
      });
}

Tensor square(const Tensor& x) {
  return record_with_input(
      "square", x, [](auto v) { return v * v; }, [](const Tensor& x) { return 2.0 * x; });
}

Tensor exp(const Tensor& x) {
  return record_with_output(
      "exp", x, [](auto v) { return std::exp(v); }, [](const Tensor& y) { return y; });
}

Tensor log(const Tensor& x) {
  return record_with_input(
      "log", x, [](auto v) { return std::log(v); }, [](const Tensor& x) { return 1.0 / x; });
}

Tensor sqrt(const Tensor& x) {
  return record_with_output(
      "sqrt", x, [](auto v) { return std::sqrt(v); }, [](const Tensor& y) { return 0.5 / y; });
}

Tensor rsqrt(const Tensor& x) {
  return record_with_output(
      "rsqrt", x, [](auto v) { return decltype(v)(1) / std::sqrt(v); },
      [](const Tensor& y) { return -0.5 * (y * y * y); });
}

Tensor tanh(const Tensor& x) {
  return record_with_output(
      "tanh", x, [](auto v) { return std::tanh(v); }, [](const Tensor& y) { return 1.0 - square(y); });
}

Tensor erf(const Tensor& x) {
  return record_with_input(
      "erf", x, [](auto v) { return std::erf(v); },
      [](const Tensor& x) { return 2.0 * std::numbers::inv_sqrtpi * exp(-square(x)); });
}

Tensor sigmoid(const Tensor& x) {
  return record_with_output(
      "sigmoid", x, [](auto v) { return decltype(v)(1) / (decltype(v)(1) + std::exp(-v)); },
      [](const Tensor& y) { return y * (1.0 - y); });
}

Tensor relu(const Tensor& x) {
  // Selects instead of multiplying: a gradient of infinity times a dead unit is 0, not NaN. A NaN goes through.
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &y = backward.outputs[0], zero = scalar(0, y.dtype());
    return {where(greater(detach(y), zero), backward.dy(), zero)};
  };
  const auto function = [](auto v) { return v <= decltype(v)(0) ? decltype(v)(0) : v; };
  return record({.op = "relu", .inputs = {x}, .outputs = {map_one(x, function)}, .vjp = vjp, .keeps_output = true});
}

namespace {

// A small matrix, and enough elements for the parallel path.
std::vector<OpSample> function_samples(const OpSample::Call& call, Values values = Values::normal) {
  return {{.name = "matrix", .inputs = {{3, 5}}, .call = call, .values = values},
          {.name = "scalar", .inputs = {{}}, .call = call, .values = values},
          {.name = "empty", .inputs = {{0}}, .call = call, .values = values},
          {.name = "long", .inputs = {{16411}}, .call = call, .values = values}};
}

const OpSamples power_samples(
    "power", {{.name = "half",
               .inputs = {{3, 5}},
               .call = [](const TensorList& in) { return power(in[0], 1.5); },
               .values = Values::positive},
              {.name = "inverse",
               .inputs = {{3, 5}},
               .call = [](const TensorList& in) { return 3.0 / in[0]; },
               .values = Values::away_from_zero},
              {.name = "cube", .inputs = {{3, 5}}, .call = [](const TensorList& in) { return power(in[0], 3.0); }},
              {.name = "zeroth", .inputs = {{3}}, .call = [](const TensorList& in) { return power(in[0], 0.0); }}});
const OpSamples square_samples("square", function_samples([](const TensorList& in) { return square(in[0]); }));
const OpSamples exp_samples("exp", function_samples([](const TensorList& in) { return exp(in[0]); }));
const OpSamples log_samples("log", function_samples([](const TensorList& in) { return log(in[0]); }, Values::positive));
const OpSamples sqrt_samples("sqrt",
                             function_samples([](const TensorList& in) { return sqrt(in[0]); }, Values::positive));
const OpSamples rsqrt_samples("rsqrt",
                              function_samples([](const TensorList& in) { return rsqrt(in[0]); }, Values::positive));
const OpSamples tanh_samples("tanh", function_samples([](const TensorList& in) { return tanh(in[0]); }));
const OpSamples erf_samples("erf", function_samples([](const TensorList& in) { return erf(in[0]); }));
const OpSamples sigmoid_samples("sigmoid", function_samples([](const TensorList& in) { return sigmoid(in[0]); }));
const OpSamples relu_samples("relu", function_samples([](const TensorList& in) { return relu(in[0]); },
                                                      Values::away_from_zero));

}  // namespace
}  // namespace transformlet
