// Fused: smooth activations.
#include "autograd/kernels/activations.h"

#include <cmath>
#include <numbers>

#include "autograd/catalogue.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// choose(kernels) picks the activation from the table of a type.
template <class Choose>
Tensor record_activation(const char* op, const Tensor& x, const Choose& choose, const Reference& reference) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(),
             [&]<class T>() { choose(kernels::activations<T>()).forward(x.size(), x.data<T>(), y.data<T>()); });
  auto vjp = [choose](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &dy = backward.dy();
    Tensor dx = backward.room_like_dy();
    with_dtype(x.dtype(), [&]<class T>() {
      choose(kernels::activations<T>()).backward(x.size(), x.data<T>(), dy.data<T>(), dx.data<T>());
    });
    return {dx};
  };
  return record({.op = op, .inputs = {x}, .outputs = {y}, .vjp = vjp, .reference = reference, .saves = {x}});
}

Tensor gelu_exact(const Tensor& x) {
  return record_activation(
      "gelu", x, [](const auto& kernels) { return kernels.gelu; },
      [](const TensorList& in) -> TensorList { return {0.5 * in[0] * (1.0 + erf(in[0] / std::numbers::sqrt2))}; });
}

Tensor gelu_tanh(const Tensor& x) {
  return record_activation(
      "gelu_tanh", x, [](const auto& kernels) { return kernels.gelu_tanh; },
      [](const TensorList& in) -> TensorList {
        const Tensor& x = in[0];
        return {0.5 * x * (1.0 + tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * (x * x * x))))};
      });
}

}  // namespace

Tensor gelu(const Tensor& x, Gelu kind) { return kind == Gelu::exact ? gelu_exact(x) : gelu_tanh(x); }

Tensor silu(const Tensor& x) {
  return record_activation(
      "silu", x, [](const auto& kernels) { return kernels.silu; },
      [](const TensorList& in) -> TensorList { return {in[0] * sigmoid(in[0])}; });
}

namespace {

std::vector<OpSample> activation_samples(const OpSample::Call& call) {
  return {{.name = "matrix", .inputs = {{3, 5}}, .call = call},
          {.name = "empty", .inputs = {{0, 5}}, .call = call},
          {.name = "long", .inputs = {{16411}}, .call = call}};
}
const OpSamples gelu_samples("gelu", activation_samples([](const TensorList& in) { return gelu(in[0]); }));
const OpSamples gelu_tanh_samples("gelu_tanh",
                                  activation_samples([](const TensorList& in) { return gelu(in[0], Gelu::tanh); }));
const OpSamples silu_samples("silu", activation_samples([](const TensorList& in) { return silu(in[0]); }));

}  // namespace
}  // namespace transformlet
