// Fused: normalisation over the last axis.
#include "autograd/kernels/norm.h"

#include "autograd/catalogue.h"
#include "autograd/ops.h"
#include "autograd/ops/support.h"

namespace transformlet {

Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon) {
  require_same_dtype("layer_norm", {&x, &gain, bias.defined() ? &bias : &x});
  require(x.rank() >= 1 && gain.shape() == Shape{x.columns()}, "layer_norm: gain {} does not match the last axis of {}",
          gain, x);
  require(!bias.defined() || bias.shape() == gain.shape(), "layer_norm: bias {} does not match gain {}", bias, gain);
  const int64_t rows = x.rows(), columns = x.columns();
  Tensor y = empty_like(x), means = empty({rows}, x.dtype()), inverse_deviation = empty({rows}, x.dtype());
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::norm<T>().layer_norm(rows, columns, x.data<T>(), gain.data<T>(), bias.defined() ? bias.data<T>() : nullptr,
                                  static_cast<T>(epsilon), y.data<T>(), means.data<T>(), inverse_deviation.data<T>());
  });
  auto vjp = [rows, columns](const Backward& backward) -> TensorList {
    const TensorList& saved = backward.saved;
    const Tensor &dy = backward.dy(), &x = saved[0], &gain = saved[1];
    const bool needs_bias = backward.needed.size() == 3 && backward.needs(2);
    Tensor dx = backward.needs(0) ? backward.room_like_dy() : Tensor(), dgain = empty_like(gain);
    Tensor dbias = needs_bias ? empty_like(gain) : Tensor();
    with_dtype(x.dtype(), [&]<class T>() {
      kernels::norm<T>().layer_norm_backward(
          rows, columns, dy.data<T>(), x.data<T>(), gain.data<T>(), saved[2].data<T>(), saved[3].data<T>(),
          dx.defined() ? dx.data<T>() : nullptr, dgain.data<T>(), needs_bias ? dbias.data<T>() : nullptr);
    });
    return {dx, dgain, dbias};
  };
  auto reference = [epsilon](const TensorList& in) -> TensorList {
    const Tensor centred = in[0] - mean(in[0], {-1}, true);
    const Tensor y = centred * rsqrt(mean(square(centred), {-1}, true) + epsilon) * in[1];
    return {in.size() == 3 ? y + in[2] : y};
  };
  TensorList inputs = {x, gain};
  if (bias.defined()) inputs.push_back(bias);
  return record({.op = "layer_norm",
                 .inputs = std::move(inputs),
                 .outputs = {y},
                 .vjp = vjp,
                 .reference = reference,
                 .saves = {x, gain, means, inverse_deviation}});
}

Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  require_same_dtype("rms_norm", {&x, &gain});
  require(x.rank() >= 1 && gain.shape() == Shape{x.columns()}, "rms_norm: gain {} does not match the last axis of {}",
          gain, x);
  const int64_t rows = x.rows(), columns = x.columns();
  Tensor y = empty_like(x), inverse_rms = empty({rows}, x.dtype());
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::norm<T>().rms_norm(rows, columns, x.data<T>(), gain.data<T>(), static_cast<T>(epsilon), y.data<T>(),
                                inverse_rms.data<T>());
  });
  auto vjp = [rows, columns](const Backward& backward) -> TensorList {
    const TensorList& saved = backward.saved;
    const Tensor &dy = backward.dy(), &x = saved[0], &gain = saved[1];
    Tensor dx = backward.needs(0) ? backward.room_like_dy() : Tensor(), dgain = empty_like(gain);
    with_dtype(x.dtype(), [&]<class T>() {
      kernels::norm<T>().rms_norm_backward(rows, columns, dy.data<T>(), x.data<T>(), gain.data<T>(), saved[2].data<T>(),
                                           dx.defined() ? dx.data<T>() : nullptr, dgain.data<T>());
    });
    return {dx, dgain};
  };
  auto reference = [epsilon](const TensorList& in) -> TensorList {
    return {in[0] * rsqrt(mean(square(in[0]), {-1}, true) + epsilon) * in[1]};
  };
  return record({.op = "rms_norm",
                 .inputs = {x, gain},
                 .outputs = {y},
                 .vjp = vjp,
                 .reference = reference,
                 .saves = {x, gain, inverse_rms}});
}

namespace {

Tensor call_layer_norm(const TensorList& in) { return layer_norm(in[0], in[1], in.size() == 3 ? in[2] : Tensor()); }
const OpSamples layer_norm_samples("layer_norm",
                                   {{.name = "matrix", .inputs = {{3, 8}, {8}, {8}}, .call = call_layer_norm},
                                    {.name = "batched", .inputs = {{2, 3, 5}, {5}, {5}}, .call = call_layer_norm},
                                    {.name = "no_bias", .inputs = {{2, 3, 5}, {5}}, .call = call_layer_norm},
                                    {.name = "no_bias_pieces", .inputs = {{150, 33}, {33}}, .call = call_layer_norm},
                                    {.name = "vector", .inputs = {{7}, {7}, {7}}, .call = call_layer_norm},
                                    {.name = "pieces", .inputs = {{150, 33}, {33}, {33}}, .call = call_layer_norm},
                                    {.name = "empty", .inputs = {{0, 5}, {5}, {5}}, .call = call_layer_norm},
                                    {.name = "bad_gain",
                                     .inputs = {{3, 8}, {4}, {8}},
                                     .call = call_layer_norm,
                                     .error = "layer_norm: gain (4) does not match the last axis of (3, 8)"},
                                    {.name = "bad_bias",
                                     .inputs = {{3, 8}, {8}, {1, 8}},
                                     .call = call_layer_norm,
                                     .error = "layer_norm: bias (1, 8) does not match gain (8)"}});
Tensor call_rms_norm(const TensorList& in) { return rms_norm(in[0], in[1]); }
const OpSamples rms_norm_samples("rms_norm", {{.name = "matrix", .inputs = {{3, 8}, {8}}, .call = call_rms_norm},
                                              {.name = "batched", .inputs = {{2, 3, 5}, {5}}, .call = call_rms_norm},
                                              {.name = "pieces", .inputs = {{150, 33}, {33}}, .call = call_rms_norm},
                                              {.name = "bad_gain",
                                               .inputs = {{3, 8}, {4}},
                                               .call = call_rms_norm,
                                               .error = "rms_norm: gain (4) does not match the last axis of (3, 8)"}});

}  // namespace
}  // namespace transformlet
