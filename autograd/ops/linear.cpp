// Fused: the affine map of a layer.
#include "autograd/catalogue.h"
#include "autograd/kernels/activations.h"
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

void check_linear(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  require_same_dtype(op, {&x, &weight, bias.defined() ? &bias : &x});
  require(x.rank() >= 1 && weight.rank() == 2 && weight.dim(1) == x.columns(),
          "{}: weight {} does not match the last axis of {}", op, weight, x);
  require(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "{}: bias {} does not match weight {}", op, bias,
          weight);
}

int64_t distance(int64_t columns) { return std::max<int64_t>(1, columns); }

// x W^T + bias
Tensor affine_map(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int64_t in = x.columns(), out = weight.dim(0);
  Tensor y = empty(x.shape().with(-1, out), x.dtype());
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::matmul<T>().product({.transpose_b = true,
                                  .m = x.rows(),
                                  .n = out,
                                  .k = in,
                                  .a = x.data<T>(),
                                  .lda = distance(in),
                                  .b = weight.data<T>(),
                                  .ldb = distance(in),
                                  .c = y.data<T>(),
                                  .ldc = distance(out),
                                  .row_bias = bias.defined() ? bias.data<T>() : nullptr});
  });
  return y;
}

// dx = dy W
Tensor gradient_of_x(const Tensor& dy, const Tensor& weight) {
  const int64_t in = weight.dim(1), out = weight.dim(0);
  Tensor dx = empty(dy.shape().with(-1, in), dy.dtype());
  with_dtype(dy.dtype(), [&]<class T>() {
    kernels::matmul<T>().product({.m = dy.rows(),
                                  .n = in,
                                  .k = out,
                                  .a = dy.data<T>(),
                                  .lda = distance(out),
                                  .b = weight.data<T>(),
                                  .ldb = distance(in),
                                  .c = dx.data<T>(),
                                  .ldc = distance(in)});
  });
  return dx;
}

// dW = dy^T x, added to what is there: a tied weight may be large. Undefined if it was added.
Tensor gradient_of_weight(const Backward& backward, const Tensor& x, const Tensor& weight) {
  const Tensor& dy = backward.dy();
  const int64_t in = weight.dim(1), out = weight.dim(0);
  Tensor* const sum = backward.sum_into(1);
  Tensor dweight = sum == nullptr ? empty_like(weight) : Tensor();
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::matmul<T>().product({.transpose_a = true,
                                  .m = out,
                                  .n = in,
                                  .k = x.rows(),
                                  .a = dy.data<T>(),
                                  .lda = distance(out),
                                  .b = x.data<T>(),
                                  .ldb = distance(in),
                                  .beta = T(sum == nullptr ? 0 : 1),
                                  .c = (sum == nullptr ? dweight : *sum).template data<T>(),
                                  .ldc = distance(in)});
  });
  return dweight;
}

Tensor gradient_of_bias(const Tensor& dy) {
  Tensor dbias = empty({dy.columns()}, dy.dtype());
  with_dtype(dy.dtype(), [&]<class T>() {
    kernels::reduce<T>().sum_middle(1, dy.rows(), dy.columns(), dy.data<T>(), dbias.data<T>());
  });
  return dbias;
}

bool needs_bias(const Backward& backward) { return backward.needed.size() == 3 && backward.needs(2); }

TensorList with_bias(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return bias.defined() ? TensorList{x, weight, bias} : TensorList{x, weight};
}

double operations_of(const Tensor& x, const Tensor& weight) {
  return 2 * static_cast<double>(x.size()) * static_cast<double>(weight.dim(0));
}

Tensor activated(const Tensor& x, Gelu kind) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    const auto& table = kernels::activations<T>();
    (kind == Gelu::exact ? table.gelu : table.gelu_tanh).forward(x.size(), x.data<T>(), y.data<T>());
  });
  return y;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_linear("linear", x, weight, bias);
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &weight = backward.saved[1];
    return {backward.needs(0) ? gradient_of_x(backward.dy(), weight) : Tensor(),
            backward.needs(1) ? gradient_of_weight(backward, x, weight) : Tensor(),
            needs_bias(backward) ? gradient_of_bias(backward.dy()) : Tensor()};
  };
  return record({.op = "linear",
                 .inputs = with_bias(x, weight, bias),
                 .outputs = {affine_map(x, weight, bias)},
                 .vjp = vjp,
                 .reference = linear_reference,
                 .saves = {x, weight},
                 .product_operations = operations_of(x, weight)});
}

// The activations are computed twice, because keeping them would cost more memory than any other tensor of a block.
Tensor gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Gelu kind) {
  check_linear("gelu_linear", x, weight, bias);
  auto vjp = [kind](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &weight = backward.saved[1];
    TensorList gradients(backward.needed.size());
    if (backward.needs(1)) gradients[1] = gradient_of_weight(backward, activated(x, kind), weight);
    if (needs_bias(backward)) gradients[2] = gradient_of_bias(backward.dy());
    if (!backward.needs(0)) return gradients;
    Tensor dx = gradient_of_x(backward.dy(), weight);
    with_dtype(x.dtype(), [&]<class T>() {
      const auto& table = kernels::activations<T>();
      T* const d = dx.data<T>();
      (kind == Gelu::exact ? table.gelu : table.gelu_tanh).backward(x.size(), x.data<T>(), d, d);
    });
    gradients[0] = dx;
    return gradients;
  };
  auto reference = [kind](const TensorList& in) -> TensorList {
    return {linear(gelu(in[0], kind), in[1], in.size() == 3 ? in[2] : Tensor())};
  };
  return record({.op = "gelu_linear",
                 .inputs = with_bias(x, weight, bias),
                 .outputs = {affine_map(activated(x, kind), weight, bias)},
                 .vjp = vjp,
                 .reference = reference,
                 .saves = {x, weight},
                 .product_operations = operations_of(x, weight)});
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

Tensor call_gelu_linear(const TensorList& in) { return gelu_linear(in[0], in[1], in.size() == 3 ? in[2] : Tensor()); }
const OpSamples gelu_linear_samples(
    "gelu_linear", {{.name = "matrix", .inputs = {{3, 4}, {5, 4}, {5}}, .call = call_gelu_linear},
                    {.name = "batched", .inputs = {{2, 3, 4}, {5, 4}, {5}}, .call = call_gelu_linear},
                    {.name = "no_bias", .inputs = {{2, 3, 4}, {5, 4}}, .call = call_gelu_linear},
                    {.name = "tanh",
                     .inputs = {{3, 4}, {5, 4}, {5}},
                     .call = [](const TensorList& in) { return gelu_linear(in[0], in[1], in[2], Gelu::tanh); }},
                    {.name = "blocks", .inputs = {{300, 33}, {65, 33}, {65}}, .call = call_gelu_linear},
                    {.name = "bad_weight",
                     .inputs = {{3, 4}, {5, 3}},
                     .call = call_gelu_linear,
                     .error = "gelu_linear: weight (5, 3) does not match the last axis of (3, 4)"}});

}  // namespace
}  // namespace transformlet
