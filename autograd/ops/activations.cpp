// Fused: smooth activations.
#include <cmath>
#include <numbers>

#include "autograd/catalogue.h"
#include "autograd/kernels/elementwise.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// dx = dy * derivative(x)
template <class Derivative>
Vjp elementwise_vjp(const Derivative& derivative) {
  return [derivative](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &dy = backward.dy();
    Tensor dx = empty_like(x);
    with_dtype(x.dtype(), [&]<class T>() {
      const int64_t size = x.size();
      kernels::map(kernels::Broadcast<2>({&size, 1}, {{{&size, 1}, {&size, 1}}}), x.data<T>(), dy.data<T>(),
                   dx.data<T>(), [derivative](T v, T d) { return d * derivative(v); });
    });
    return {dx};
  };
}

template <class Function, class Derivative>
Tensor record_activation(const char* op, const Tensor& x, const Function& function, const Derivative& derivative,
                         const Reference& reference) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { kernels::map(x.size(), x.data<T>(), y.data<T>(), function); });
  return record({.op = op,
                 .inputs = {x},
                 .outputs = {y},
                 .vjp = elementwise_vjp(derivative),
                 .reference = reference,
                 .saves = {x}});
}

constexpr double cubic = 0.044715;
const double root_2_over_pi = std::sqrt(2.0 / std::numbers::pi);
constexpr double inverse_root_2 = 1.0 / std::numbers::sqrt2;
const double inverse_root_2_pi = 1.0 / std::sqrt(2.0 * std::numbers::pi);

Tensor gelu_exact(const Tensor& x) {
  return record_activation(
      "gelu", x, []<class T>(T v) { return T(0.5) * v * (T(1) + std::erf(v * T(inverse_root_2))); },
      []<class T>(T v) {  // Phi(x) + x phi(x)
        return T(0.5) * (T(1) + std::erf(v * T(inverse_root_2))) + v * T(inverse_root_2_pi) * std::exp(T(-0.5) * v * v);
      },
      [](const TensorList& in) -> TensorList { return {0.5 * in[0] * (1.0 + erf(in[0] * inverse_root_2))}; });
}

Tensor gelu_tanh(const Tensor& x) {
  return record_activation(
      "gelu_tanh", x,
      []<class T>(T v) { return T(0.5) * v * (T(1) + std::tanh(T(root_2_over_pi) * (v + T(cubic) * v * v * v))); },
      []<class T>(T v) {
        const T t = std::tanh(T(root_2_over_pi) * (v + T(cubic) * v * v * v));
        return T(0.5) * (T(1) + t) + T(0.5) * v * (T(1) - t * t) * T(root_2_over_pi) * (T(1) + T(3 * cubic) * v * v);
      },
      [](const TensorList& in) -> TensorList {
        const Tensor& x = in[0];
        return {0.5 * x * (1.0 + tanh(root_2_over_pi * (x + cubic * (x * x * x))))};
      });
}

}  // namespace

Tensor gelu(const Tensor& x, Gelu kind) { return kind == Gelu::exact ? gelu_exact(x) : gelu_tanh(x); }

Tensor silu(const Tensor& x) {
  return record_activation(
      "silu", x, []<class T>(T v) { return v / (T(1) + std::exp(-v)); },
      []<class T>(T v) {
        const T s = T(1) / (T(1) + std::exp(-v));
        return s * (T(1) + v * (T(1) - s));
      },
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
