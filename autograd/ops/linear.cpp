// Fused: the affine map of a layer.
#include "autograd/catalogue.h"
#include "autograd/kernels/matmul.h"
#include "autograd/kernels/reduce.h"
#include "autograd/ops.h"
#include "autograd/ops/support.h"

namespace transformlet {
namespace {

TensorList linear_reference(const TensorList& in) {
  const Tensor &x = in[0], &weight = in[1];
  const Tensor matrix = reshape(x, {x.rows(), x.columns()});
  Tensor y = reshape(matmul(matrix, weight, false, true), x.shape().with(-1, weight.dim(0)));
  if (in.size() == 3) y = y + in[2];
  return {y};
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  require_same_dtype("linear", {&x, &weight, bias.defined() ? &bias : &x});
  require(x.rank() >= 1 && weight.rank() == 2 && weight.dim(1) == x.columns(),
          "linear: weight {} does not match the last axis of {}", weight, x);
  require(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "linear: bias {} does not match weight {}", bias,
          weight);
  const int64_t rows = x.rows(), in = x.columns(), out = weight.dim(0);
  Tensor y = empty(x.shape().with(-1, out), x.dtype());
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::matmul<T>().product({.transpose_b = true,
                                  .m = rows,
                                  .n = out,
                                  .k = in,
                                  .a = x.data<T>(),
                                  .lda = std::max<int64_t>(1, in),
                                  .b = weight.data<T>(),
                                  .ldb = std::max<int64_t>(1, in),
                                  .c = y.data<T>(),
                                  .ldc = std::max<int64_t>(1, out),
                                  .row_bias = bias.defined() ? bias.data<T>() : nullptr});
  });

  auto vjp = [rows, in, out](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &weight = backward.saved[1], &dy = backward.dy();
    Tensor dx, dweight, dbias;
    with_dtype(x.dtype(), [&]<class T>() {
      if (backward.needs(0)) {  // dx = dy W
        dx = empty_like(x);
        kernels::matmul<T>().product({.m = rows,
                                      .n = in,
                                      .k = out,
                                      .a = dy.data<T>(),
                                      .lda = std::max<int64_t>(1, out),
                                      .b = weight.data<T>(),
                                      .ldb = std::max<int64_t>(1, in),
                                      .c = dx.data<T>(),
                                      .ldc = std::max<int64_t>(1, in)});
      }
      if (backward.needs(1)) {  // dW = dy^T x, added to what is there: a tied weight may be large
        Tensor* const sum = backward.sum_into(1);
        if (sum == nullptr) dweight = empty_like(weight);
        kernels::matmul<T>().product({.transpose_a = true,
                                      .m = out,
                                      .n = in,
                                      .k = rows,
                                      .a = dy.data<T>(),
                                      .lda = std::max<int64_t>(1, out),
                                      .b = x.data<T>(),
                                      .ldb = std::max<int64_t>(1, in),
                                      .beta = T(sum == nullptr ? 0 : 1),
                                      .c = (sum == nullptr ? dweight : *sum).template data<T>(),
                                      .ldc = std::max<int64_t>(1, in)});
      }
      if (backward.needed.size() == 3 && backward.needs(2)) {
        dbias = empty({out}, dy.dtype());
        kernels::reduce<T>().sum_middle(1, rows, out, dy.data<T>(), dbias.data<T>());
      }
    });
    return {dx, dweight, dbias};
  };
  TensorList inputs = {x, weight};
  if (bias.defined()) inputs.push_back(bias);
  return record({.op = "linear",
                 .inputs = std::move(inputs),
                 .outputs = {y},
                 .vjp = vjp,
                 .reference = linear_reference,
                 .saves = {x, weight}});
}

namespace {

Tensor call_linear(const TensorList& in) { return linear(in[0], in[1], in.size() == 3 ? in[2] : Tensor()); }
const OpSamples linear_samples("linear",
                               {{.name = "matrix", .inputs = {{3, 4}, {5, 4}, {5}}, .call = call_linear},
                                {.name = "batched", .inputs = {{2, 3, 4}, {5, 4}, {5}}, .call = call_linear},
                                {.name = "no_bias", .inputs = {{2, 3, 4}, {5, 4}}, .call = call_linear},
                                {.name = "vector", .inputs = {{4}, {5, 4}, {5}}, .call = call_linear},
                                {.name = "one_wide", .inputs = {{3, 1}, {1, 1}, {1}}, .call = call_linear},
                                {.name = "empty_batch", .inputs = {{0, 4}, {5, 4}, {5}}, .call = call_linear},
                                {.name = "no_inputs", .inputs = {{3, 0}, {5, 0}, {5}}, .call = call_linear},
                                {.name = "blocks", .inputs = {{300, 33}, {65, 33}, {65}}, .call = call_linear},
                                {.name = "same_twice",
                                 .inputs = {{4, 4}},
                                 .call = [](const TensorList& in) { return linear(in[0], linear(in[0], in[0])); }},
                                {.name = "bad_weight",
                                 .inputs = {{3, 4}, {5, 3}},
                                 .call = call_linear,
                                 .error = "linear: weight (5, 3) does not match the last axis of (3, 4)"},
                                {.name = "bad_bias",
                                 .inputs = {{3, 4}, {5, 4}, {4}},
                                 .call = call_linear,
                                 .error = "linear: bias (4) does not match weight (5, 4)"}});

}  // namespace
}  // namespace transformlet
