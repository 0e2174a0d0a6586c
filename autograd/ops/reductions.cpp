// Primitives: sums and maxima over axes.
#include <algorithm>

#include "autograd/catalogue.h"
#include "autograd/kernels/reduce.h"
#include "autograd/observer.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// The product of the sizes of axes [begin, end).
int64_t product(const Shape& shape, int begin, int end) {
  int64_t result = 1;
  for (int axis = begin; axis < end; ++axis) result *= shape[axis];
  return result;
}

// x summed over the axes [begin, end), which stay with size 1. Not recorded.
Tensor sum_range(const Tensor& x, int begin, int end) {
  const Shape& shape = x.shape();
  Shape result = shape;
  for (int axis = begin; axis < end; ++axis) result = result.with(axis, 1);
  Tensor y = empty(result, x.dtype());
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::reduce<T>().sum_middle(product(shape, 0, begin), product(shape, begin, end),
                                    product(shape, end, shape.rank()), x.data<T>(), y.data<T>());
  });
  return y;
}

// `kept`: the shape with the reduced axes of size 1. `shape`: the one to return.
Tensor sum_over(const Tensor& x, const Shape& kept, const Shape& shape) {
  Tensor y = constant(x);
  // Runs of neighbouring axes, the last first: they are the cheapest, and shrink the rest.
  for (int end = x.rank(); end > 0;) {
    if (kept[end - 1] == x.dim(end - 1)) {
      --end;
      continue;
    }
    int begin = end - 1;
    while (begin > 0 && kept[begin - 1] != x.dim(begin - 1)) --begin;
    y = sum_range(y, begin, end);
    end = begin;
  }
  const Shape from = x.shape();
  auto vjp = [from, kept](const Backward& backward) -> TensorList {
    return {broadcast_to(reshape(backward.dy(), kept), from)};
  };
  return record({.op = "sum", .inputs = {x}, .outputs = {with_shape(y, shape)}, .vjp = vjp});
}

}  // namespace

Tensor sum(const Tensor& x) {
  Shape kept = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) kept = kept.with(axis, 1);
  return sum_over(x, kept, {});
}

Tensor sum(const Tensor& x, std::vector<int> axes, bool keep) {
  Shape kept = x.shape(), shape = x.shape();
  for (int& axis : axes) axis = x.shape().resolve(axis);
  std::sort(axes.begin(), axes.end(), std::greater<>());
  require(std::adjacent_find(axes.begin(), axes.end()) == axes.end(), "sum: an axis of {} is named twice", x);
  for (const int axis : axes) {
    kept = kept.with(axis, 1);
    shape = shape.without(axis);
  }
  return sum_over(x, kept, keep ? kept : shape);
}

Tensor mean(const Tensor& x) { return sum(x) / static_cast<double>(x.size()); }

Tensor mean(const Tensor& x, std::vector<int> axes, bool keep) {
  int64_t count = 1;
  for (const int axis : axes) count *= x.dim(axis);
  return sum(x, std::move(axes), keep) / static_cast<double>(count);
}

Tensor max(const Tensor& x, int axis, bool keep) {
  const int a = x.shape().resolve(axis);
  require(x.dim(a) > 0, "max: axis {} of {} has no elements", axis, x);
  const Shape kept = x.shape().with(a, 1);
  Tensor y = empty(keep ? kept : x.shape().without(a), x.dtype()), chosen = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::reduce<T>().max_middle(product(x.shape(), 0, a), x.dim(a), product(x.shape(), a + 1, x.rank()),
                                    x.data<T>(), y.data<T>(), chosen.data<T>());
  });
  auto vjp = [kept](const Backward& backward) -> TensorList {
    return {where(backward.saved[0], reshape(backward.dy(), kept), scalar(0, backward.dy().dtype()))};
  };
  const Tensor result = record({.op = "max", .inputs = {x}, .outputs = {y}, .vjp = vjp, .saves = {chosen}});
  with_dtype(x.dtype(), [&]<class T>() {
    const T* const values = chosen.data<T>();
    report_branch(result, chosen.size(), [values](int64_t i) { return values[i] != 0; });
  });
  return result;
}

Tensor row_maxima(const Tensor& x) { return max(constant(x), -1, true); }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  require(broadcast_shapes("sum_to", x.shape(), shape) == x.shape(), "sum_to: {} was not broadcast from {}", x, shape);
  Shape kept = x.shape();
  for (int axis = 1; axis <= x.rank(); ++axis) kept = kept.with(-axis, axis <= shape.rank() ? shape[-axis] : 1);
  return sum_over(x, kept, shape);
}

namespace {

const OpSamples sum_samples(
    "sum",
    {{.name = "all", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return sum(in[0]); }},
     {.name = "last", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return sum(in[0], {-1}); }},
     {.name = "first", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return sum(in[0], {0}); }},
     {.name = "kept", .inputs = {{2, 3, 4}}, .call = [](const TensorList& in) { return sum(in[0], {1}, true); }},
     {.name = "two",
      .inputs = {{2, 3, 4}},
      .call =
          [](const TensorList& in) {
            return sum(in[0], {0, 2});
          }},
     {.name = "none", .inputs = {{2, 3}}, .call = [](const TensorList& in) { return sum(in[0], {}); }},
     {.name = "empty", .inputs = {{0, 3}}, .call = [](const TensorList& in) { return sum(in[0], {0}); }},
     {.name = "mean", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return mean(in[0], {-1}, true); }},
     {.name = "long", .inputs = {{9001}}, .call = [](const TensorList& in) { return mean(in[0]); }},
     {.name = "long_rows", .inputs = {{5, 4001}}, .call = [](const TensorList& in) { return sum(in[0], {1}); }},
     {.name = "long_columns", .inputs = {{2, 601, 17}}, .call = [](const TensorList& in) { return sum(in[0], {1}); }},
     {.name = "bad_axis",
      .inputs = {{2, 3}},
      .call = [](const TensorList& in) { return sum(in[0], {2}); },
      .error = "axis 2 does not exist in a tensor of shape (2, 3)"},
     {.name = "twice",
      .inputs = {{2, 3}},
      .call =
          [](const TensorList& in) {
            return sum(in[0], {1, -1});
          },
      .error = "sum: an axis of (2, 3) is named twice"}});
const OpSamples max_samples(
    "max", {{.name = "last", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return max(in[0], -1); }},
            {.name = "middle", .inputs = {{2, 3, 4}}, .call = [](const TensorList& in) { return max(in[0], 1, true); }},
            {.name = "bad_empty",
             .inputs = {{2, 0}},
             .call = [](const TensorList& in) { return max(in[0], 1); },
             .error = "max: axis 1 of (2, 0) has no elements"}});
const OpSamples sum_to_samples(
    "sum_to", {{.name = "row", .inputs = {{2, 3, 4}}, .call = [](const TensorList& in) { return sum_to(in[0], {4}); }},
               {.name = "ones",
                .inputs = {{2, 3, 4}},
                .call =
                    [](const TensorList& in) {
                      return sum_to(in[0], {2, 1, 1});
                    }},
               {.name = "bad_shape",
                .inputs = {{2, 3}},
                .call =
                    [](const TensorList& in) {
                      return sum_to(in[0], {4, 2, 3});
                    },
                .error = "sum_to: (2, 3) was not broadcast from (4, 2, 3)"}});

}  // namespace
}  // namespace transformlet
