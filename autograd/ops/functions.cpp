// Primitives: functions of one number.
#include "autograd/kernels/functions.h"

#include <numbers>

#include "autograd/catalogue.h"
#include "autograd/observer.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// choose(kernels) picks the function from the table of a type.
template <class Choose>
Tensor map_one(const Tensor& x, const Choose& choose) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { choose(kernels::functions<T>())(x.size(), x.data<T>(), y.data<T>()); });
  return y;
}

// An op whose derivative is best said with its input.
template <class Choose, class Derivative>
Tensor record_with_input(const char* op, const Tensor& x, const Choose& choose, const Derivative& derivative) {
  auto vjp = [derivative](const Backward& backward) -> TensorList {
    return {backward.dy() * derivative(backward.saved[0])};
  };
  return record({.op = op, .inputs = {x}, .outputs = {map_one(x, choose)}, .vjp = vjp, .saves = {x}});
}

// An op whose derivative is best said with its output.
template <class Choose, class Derivative>
Tensor record_with_output(const char* op, const Tensor& x, const Choose& choose, const Derivative& derivative) {
  auto vjp = [derivative](const Backward& backward) -> TensorList {
    return {backward.dy() * derivative(backward.outputs[0])};
  };
  return record({.op = op, .inputs = {x}, .outputs = {map_one(x, choose)}, .vjp = vjp, .keeps_output = true});
}

// The branch that each element takes by the sign of x. 0 lies between two.
void report_signs(const Tensor& y, const Tensor& x) {
  with_dtype(x.dtype(), [&]<class T>() {
    const T* const values = x.data<T>();
    report_branch(y, x.size(), [values](int64_t i) { return (values[i] > 0) - (values[i] < 0) + 1; });
  });
}

// x where y > 0, else 0; y is a constant. It selects instead of multiplying: a gradient of infinity times a dead unit
// is 0, not NaN. Linear in x, so it is its own vjp and closed under differentiation.
Tensor gate(const Tensor& y, const Tensor& x) {
  Tensor result = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::functions<T>().relu_backward(x.size(), y.data<T>(), x.data<T>(), result.data<T>());
  });
  auto vjp = [](const Backward& backward) -> TensorList { return {gate(backward.saved[0], backward.dy())}; };
  const Tensor gated = record({.op = "gate", .inputs = {x}, .outputs = {result}, .vjp = vjp, .saves = {y}});
  report_signs(gated, y);
  return gated;
}

}  // namespace

Tensor power(const Tensor& x, double exponent) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::functions<T>().power(x.size(), static_cast<T>(exponent), x.data<T>(), y.data<T>());
  });
  auto vjp = [exponent](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &dy = backward.dy();
    if (exponent == 0.0) return {zeros(x.shape(), x.dtype())};
    return {dy * (power(x, exponent - 1.0) * exponent)};
  };
  return record({.op = "power", .inputs = {x}, .outputs = {y}, .vjp = vjp, .saves = {x}});
}

Tensor square(const Tensor& x) {
  return record_with_input(
      "square", x, [](const auto& kernels) { return kernels.square; }, [](const Tensor& x) { return 2.0 * x; });
}

Tensor exp(const Tensor& x) {
  return record_with_output(
      "exp", x, [](const auto& kernels) { return kernels.exp; }, [](const Tensor& y) { return y; });
}

Tensor log(const Tensor& x) {
  return record_with_input(
      "log", x, [](const auto& kernels) { return kernels.log; }, [](const Tensor& x) { return 1.0 / x; });
}

Tensor sqrt(const Tensor& x) {
  return record_with_output(
      "sqrt", x, [](const auto& kernels) { return kernels.sqrt; }, [](const Tensor& y) { return 0.5 / y; });
}

Tensor rsqrt(const Tensor& x) {
  return record_with_output(
      "rsqrt", x, [](const auto& kernels) { return kernels.rsqrt; },
      [](const Tensor& y) { return -0.5 * (y * y * y); });
}

Tensor tanh(const Tensor& x) {
  return record_with_output(
      "tanh", x, [](const auto& kernels) { return kernels.tanh; }, [](const Tensor& y) { return 1.0 - square(y); });
}

Tensor erf(const Tensor& x) {
  return record_with_input(
      "erf", x, [](const auto& kernels) { return kernels.erf; },
      [](const Tensor& x) { return 2.0 * std::numbers::inv_sqrtpi * exp(-square(x)); });
}

Tensor sigmoid(const Tensor& x) {
  return record_with_output(
      "sigmoid", x, [](const auto& kernels) { return kernels.sigmoid; }, [](const Tensor& y) { return y * (1.0 - y); });
}

Tensor relu(const Tensor& x) {
  auto vjp = [](const Backward& backward) -> TensorList {
    return {gate(constant(backward.outputs[0]), backward.dy())};
  };
  const Tensor y = map_one(x, [](const auto& kernels) { return kernels.relu; });
  const Tensor result = record({.op = "relu", .inputs = {x}, .outputs = {y}, .vjp = vjp, .keeps_output = true});
  report_signs(result, x);
  return result;
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
const OpSamples gate_samples("gate", {{.name = "matrix",
                                       .inputs = {{3, 5}, {3, 5}},
                                       .call = [](const TensorList& in) { return gate(detach(in[0]), in[1]); },
                                       .values = Values::away_from_zero}});
const OpSamples relu_samples("relu", function_samples([](const TensorList& in) { return relu(in[0]); },
                                                      Values::away_from_zero));

}  // namespace
}  // namespace transformlet
