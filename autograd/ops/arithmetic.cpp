// Primitives: arithmetic on two tensors that broadcast.
#include "autograd/kernels/arithmetic.h"

#include "autograd/catalogue.h"
#include "autograd/kernels/functions.h"
#include "autograd/observer.h"
#include "autograd/ops.h"
#include "autograd/ops/support.h"

namespace transformlet {
namespace {

std::span<const int64_t> sizes(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }

// An operation element by element, not recorded. choose(kernels) picks it from the table of a type.
template <class Choose>
Tensor map_two(const char* op, const Tensor& a, const Tensor& b, const Choose& choose) {
  require_same_dtype(op, {&a, &b});
  Tensor y = empty(broadcast_shapes(op, a.shape(), b.shape()), a.dtype());
  const kernels::Broadcast<2> plan(sizes(y), {sizes(a), sizes(b)});
  with_dtype(a.dtype(),
             [&]<class T>() { choose(kernels::arithmetic<T>())(plan, a.data<T>(), b.data<T>(), y.data<T>()); });
  return y;
}

}  // namespace

// The vjps give gradients of the broadcast shape; the engine sums them back to the inputs'.

Tensor add(const Tensor& a, const Tensor& b) {
  auto vjp = [](const Backward& backward) -> TensorList { return {backward.dy(), backward.dy()}; };
  return record({.op = "add",
                 .inputs = {a, b},
                 .outputs = {map_two("add", a, b, [](const auto& kernels) { return kernels.add; })},
                 .vjp = vjp});
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  auto vjp = [](const Backward& backward) -> TensorList {
    return {backward.dy(), backward.needs(1) ? -backward.dy() : Tensor()};
  };
  return record({.op = "subtract",
                 .inputs = {a, b},
                 .outputs = {map_two("subtract", a, b, [](const auto& kernels) { return kernels.subtract; })},
                 .vjp = vjp});
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &a = backward.saved[0], &b = backward.saved[1], &dy = backward.dy();
    return {backward.needs(0) ? dy * b : Tensor(), backward.needs(1) ? dy * a : Tensor()};
  };
  return record({.op = "multiply",
                 .inputs = {a, b},
                 .outputs = {map_two("multiply", a, b, [](const auto& kernels) { return kernels.multiply; })},
                 .vjp = vjp,
                 .saves = {a, b}});
}

Tensor divide(const Tensor& a, const Tensor& b) {
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &a = backward.saved[0], &b = backward.saved[1], &dy = backward.dy();
    return {backward.needs(0) ? dy / b : Tensor(), backward.needs(1) ? -(dy * a / (b * b)) : Tensor()};
  };
  return record({.op = "divide",
                 .inputs = {a, b},
                 .outputs = {map_two("divide", a, b, [](const auto& kernels) { return kernels.divide; })},
                 .vjp = vjp,
                 .saves = {a, b}});
}

Tensor greater(const Tensor& a, const Tensor& b) {
  return map_two("greater", a, b, [](const auto& kernels) { return kernels.greater; });
}

namespace {

// The branch that each element of a maximum takes: the first, the second, or neither (a tie).
void report_larger(const Tensor& y, const Tensor& first, const Tensor& second) {
  with_dtype(y.dtype(), [&]<class T>() {
    const T *const f = first.data<T>(), *const s = second.data<T>();
    report_branch(y, first.size(), [f, s](int64_t i) { return (f[i] != 0) + 2 * (s[i] != 0); });
  });
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  const Tensor y = map_two("maximum", a, b, [](const auto& kernels) { return kernels.maximum; });
  const Tensor second = greater(b, a);  // a constant: where the gradient goes to b
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &second = backward.saved[0], &dy = backward.dy();
    const Tensor zero = scalar(0, dy.dtype());
    return {where(second, zero, dy), where(second, dy, zero)};
  };
  const Tensor result = record({.op = "maximum", .inputs = {a, b}, .outputs = {y}, .vjp = vjp, .saves = {second}});
  if (current_observer != nullptr) [[unlikely]]
    report_larger(result, greater(a, b), second);
  return result;
}

Tensor affine(const Tensor& x, double scale, double shift) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::functions<T>().affine(x.size(), static_cast<T>(scale), static_cast<T>(shift), x.data<T>(), y.data<T>());
  });
  auto vjp = [scale](const Backward& backward) -> TensorList {
    return {scale == 1.0 ? backward.dy() : affine(backward.dy(), scale, 0.0)};
  };
  return record({.op = "affine", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor negate(const Tensor& x) { return affine(x, -1.0, 0.0); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require_same_dtype("where", {&condition, &a, &b});
  require(!condition.requires_grad(), "where: the condition {} is not differentiable; give a constant", condition);
  const Shape shape = broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  Tensor y = empty(shape, a.dtype());
  const kernels::Broadcast<3> plan(sizes(y), {sizes(condition), sizes(a), sizes(b)});
  with_dtype(a.dtype(), [&]<class T>() {
    kernels::arithmetic<T>().select(plan, condition.data<T>(), a.data<T>(), b.data<T>(), y.data<T>());
  });
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &condition = backward.saved[0], &dy = backward.dy();
    const Tensor zero = scalar(0, dy.dtype());
    return {Tensor(), backward.needs(1) ? where(condition, dy, zero) : Tensor(),
            backward.needs(2) ? where(condition, zero, dy) : Tensor()};
  };
  const Tensor result =
      record({.op = "where", .inputs = {condition, a, b}, .outputs = {y}, .vjp = vjp, .saves = {condition}});
  with_dtype(a.dtype(), [&]<class T>() {
    const T* const values = condition.data<T>();
    report_branch(result, condition.size(), [values](int64_t i) { return values[i] != 0; });
  });
  return result;
}

namespace {

// The shapes that reach every path of a broadcast kernel.
std::vector<OpSample> broadcast_samples(const std::string& op, const OpSample::Call& call,
                                        Values values = Values::normal) {
  return {{.name = "same", .inputs = {{3, 4}, {3, 4}}, .call = call, .values = values},
          {.name = "row", .inputs = {{2, 3, 4}, {4}}, .call = call, .values = values},
          {.name = "column", .inputs = {{3, 1}, {3, 4}}, .call = call, .values = values},
          {.name = "outer", .inputs = {{3, 1}, {1, 4}}, .call = call, .values = values},
          {.name = "middle", .inputs = {{2, 1, 3}, {2, 4, 1}}, .call = call, .values = values},
          {.name = "scalar", .inputs = {{}, {2, 3}}, .call = call, .values = values},
          {.name = "scalars", .inputs = {{}, {}}, .call = call, .values = values},
          {.name = "empty", .inputs = {{0, 3}, {3}}, .call = call, .values = values},
          {.name = "long", .inputs = {{20011}, {}}, .call = call, .values = values},
          {.name = "bad_shapes",
           .inputs = {{2, 3}, {2}},
           .call = call,
           .error = op + ": shapes (2, 3) and (2) don't broadcast: 3 against 2"}};
}

const OpSamples add_samples("add", broadcast_samples("add", [](const TensorList& in) { return in[0] + in[1]; }));
const OpSamples subtract_samples("subtract",
                                 broadcast_samples("subtract", [](const TensorList& in) { return in[0] - in[1]; }));
const OpSamples multiply_samples("multiply",
                                 broadcast_samples("multiply", [](const TensorList& in) { return in[0] * in[1]; }));
const OpSamples divide_samples("divide",
                               broadcast_samples(
                                   "divide", [](const TensorList& in) { return in[0] / in[1]; }, Values::positive));
const OpSamples maximum_samples("maximum", broadcast_samples("maximum", [](const TensorList& in) {
                                  return maximum(in[0], in[1]);
                                }));
const OpSamples affine_samples(
    "affine", {{.name = "matrix", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return 2.5 * in[0] + 1.0; }},
               {.name = "negate", .inputs = {{5}}, .call = [](const TensorList& in) { return -in[0]; }},
               {.name = "shift", .inputs = {{5}}, .call = [](const TensorList& in) { return 1.0 - in[0]; }}});
const OpSamples where_samples(
    "where", {{.name = "mask",
               .inputs = {{3, 4}, {3, 4}},
               .call = [](const TensorList& in) { return where(greater(detach(in[0]), detach(in[1])), in[0], in[1]); }},
              {.name = "broadcast",
               .inputs = {{2, 1, 4}, {3, 1}},
               .call =
                   [](const TensorList& in) {
                     return where(tensor({1, 0, 0, 1}, {4}, in[0].dtype()), in[0], in[1]);
                   }},
              {.name = "bad_condition",
               .inputs = {{2}, {2}},
               .call = [](const TensorList& in) { return where(in[0], in[0], in[1]); },
               .error = "where: the condition (2) is not differentiable; give a constant"}});

}  // namespace
}  // namespace transformlet
