// Primitives: other shapes, other orders, other dtypes of the same values.
#include <algorithm>
#include <array>

#include "autograd/catalogue.h"
#include "autograd/kernels/copy.h"
#include "autograd/ops.h"
#include "autograd/ops/support.h"

namespace transformlet {
namespace {

using Steps = std::array<int64_t, Shape::max_rank>;

// The distance between neighbours along each axis of a dense array.
Steps dense_steps(const Shape& shape) {
  Steps steps{};
  int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    steps[static_cast<size_t>(axis)] = step;
    step *= shape[axis];
  }
  return steps;
}

// Copies a box of the given sizes between places in two arrays.
void copy_box(const Shape& box, const Tensor& from, int64_t from_offset, const Steps& from_steps, Tensor& to,
              int64_t to_offset, const Steps& to_steps) {
  if (box.size() == 0) return;
  const int64_t one[] = {1};
  const auto rank = static_cast<size_t>(box.rank());
  with_dtype(from.dtype(), [&]<class T>() {
    const std::span<const int64_t> sizes = rank == 0 ? std::span(one) : std::span(box.begin(), rank);
    kernels::copy_strided(sizes, from.data<T>() + from_offset, std::span(from_steps.data(), sizes.size()),
                          to.data<T>() + to_offset, std::span(to_steps.data(), sizes.size()));
  });
}

}  // namespace

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  require(broadcast_shapes("broadcast_to", x.shape(), shape) == shape, "broadcast_to: {} does not broadcast to {}", x,
          shape);
  Tensor y = empty(shape, x.dtype());
  Steps steps{};
  const Steps own = dense_steps(x.shape());
  for (int axis = 1; axis <= x.rank(); ++axis) {
    const int to = shape.rank() - axis, from = x.rank() - axis;
    steps[static_cast<size_t>(to)] = x.dim(from) == 1 ? 0 : own[static_cast<size_t>(from)];
  }
  copy_box(shape, x, 0, steps, y, 0, dense_steps(shape));
  const Shape from = x.shape();
  auto vjp = [from](const Backward& backward) -> TensorList { return {sum_to(backward.dy(), from)}; };
  return record({.op = "broadcast_to", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  const Shape from = x.shape();
  auto vjp = [from](const Backward& backward) -> TensorList { return {reshape(backward.dy(), from)}; };
  return record({.op = "reshape", .inputs = {x}, .outputs = {with_shape(constant(x), shape)}, .vjp = vjp});
}

Tensor permute(const Tensor& x, const std::vector<int>& axes) {
  require(static_cast<int>(axes.size()) == x.rank(), "permute: {} axes are named for {}", axes.size(), x);
  const Steps own = dense_steps(x.shape());
  std::vector<int> inverse(axes.size(), -1);
  Shape shape = x.shape();
  Steps steps{};
  for (int to = 0; to < x.rank(); ++to) {
    const int from = x.shape().resolve(axes[static_cast<size_t>(to)]);
    require(inverse[static_cast<size_t>(from)] < 0, "permute: axis {} of {} is named twice", from, x);
    inverse[static_cast<size_t>(from)] = to;
    shape = shape.with(to, x.dim(from));
    steps[static_cast<size_t>(to)] = own[static_cast<size_t>(from)];
  }
  Tensor y = empty(shape, x.dtype());
  copy_box(shape, x, 0, steps, y, 0, dense_steps(shape));
  auto vjp = [inverse](const Backward& backward) -> TensorList { return {permute(backward.dy(), inverse)}; };
  return record({.op = "permute", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor transpose(const Tensor& x, int axis, int other) {
  std::vector<int> axes(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int>(i);
  std::swap(axes[static_cast<size_t>(x.shape().resolve(axis))], axes[static_cast<size_t>(x.shape().resolve(other))]);
  return permute(x, axes);
}

Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  const int64_t size = x.dim(axis);
  require(0 <= begin && begin <= end && end <= size, "slice: [{}, {}) lies outside axis {} of {}", begin, end, axis, x);
  const Steps steps = dense_steps(x.shape());
  Tensor y = empty(x.shape().with(axis, end - begin), x.dtype());
  copy_box(y.shape(), x, begin * steps[static_cast<size_t>(x.shape().resolve(axis))], steps, y, 0,
           dense_steps(y.shape()));
  auto vjp = [=](const Backward& backward) -> TensorList { return {pad(backward.dy(), axis, begin, size - end)}; };
  return record({.op = "slice", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor pad(const Tensor& x, int axis, int64_t before, int64_t after) {
  require(before >= 0 && after >= 0, "pad: {} and {} must not be negative", before, after);
  const int64_t size = x.dim(axis);
  Tensor y = zeros(x.shape().with(axis, before + size + after), x.dtype());
  const Steps steps = dense_steps(y.shape());
  copy_box(x.shape(), x, 0, dense_steps(x.shape()), y, before * steps[static_cast<size_t>(x.shape().resolve(axis))],
           steps);
  auto vjp = [=](const Backward& backward) -> TensorList {
    return {slice(backward.dy(), axis, before, before + size)};
  };
  return record({.op = "pad", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor concatenate(const TensorList& tensors, int axis) {
  require(!tensors.empty(), "concatenate: nothing was given");
  const Tensor& first = tensors.front();
  int64_t total = 0;
  std::vector<int64_t> bounds = {0};
  for (const Tensor& x : tensors) {
    require_same_dtype("concatenate", {&first, &x});
    require(x.rank() == first.rank() && x.shape().with(axis, 0) == first.shape().with(axis, 0),
            "concatenate: {} and {} differ in more than axis {}", first, x, axis);
    total += x.dim(axis);
    bounds.push_back(total);
  }
  Tensor y = empty(first.shape().with(axis, total), first.dtype());
  const Steps steps = dense_steps(y.shape());
  for (size_t i = 0; i < tensors.size(); ++i) {
    copy_box(tensors[i].shape(), tensors[i], 0, dense_steps(tensors[i].shape()), y,
             bounds[i] * steps[static_cast<size_t>(y.shape().resolve(axis))], steps);
  }
  auto vjp = [axis, bounds](const Backward& backward) -> TensorList {
    TensorList parts(bounds.size() - 1);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (backward.needs(i)) parts[i] = slice(backward.dy(), axis, bounds[i], bounds[i + 1]);
    }
    return parts;
  };
  return record({.op = "concatenate", .inputs = tensors, .outputs = {y}, .vjp = vjp});
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor y = empty(x.shape(), dtype);
  with_dtype(x.dtype(), [&]<class From>() {
    with_dtype(dtype, [&]<class To>() { std::copy_n(x.data<From>(), x.size(), y.data<To>()); });
  });
  const DType from = x.dtype();
  auto vjp = [from](const Backward& backward) -> TensorList { return {cast(backward.dy(), from)}; };
  return record({.op = "cast", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

Tensor alias(const Tensor& x) {
  auto vjp = [](const Backward& backward) -> TensorList { return {backward.dy()}; };
  return record({.op = "alias", .inputs = {x}, .outputs = {constant(x)}, .vjp = vjp});
}

namespace {

const OpSamples broadcast_samples(
    "broadcast_to",
    {{.name = "rows",
      .inputs = {{4}},
      .call =
          [](const TensorList& in) {
            return broadcast_to(in[0], {2, 3, 4});
          }},
     {.name = "inner",
      .inputs = {{2, 1, 3}},
      .call =
          [](const TensorList& in) {
            return broadcast_to(in[0], {2, 4, 3});
          }},
     {.name = "scalar", .inputs = {{}}, .call = [](const TensorList& in) { return broadcast_to(in[0], {3}); }},
     {.name = "bad_shape",
      .inputs = {{2, 3}},
      .call = [](const TensorList& in) { return broadcast_to(in[0], {3}); },
      .error = "broadcast_to: (2, 3) does not broadcast to (3)"}});
const OpSamples reshape_samples("reshape", {{.name = "matrix",
                                             .inputs = {{2, 6}},
                                             .call =
                                                 [](const TensorList& in) {
                                                   return reshape(in[0], {3, 4});
                                                 }},
                                            {.name = "bad_size",
                                             .inputs = {{2, 6}},
                                             .call = [](const TensorList& in) { return reshape(in[0], {5}); },
                                             .error = "reshape: 12 elements of (2, 6) don't fill (5)"}});
const OpSamples permute_samples(
    "permute",
    {{.name = "heads",
      .inputs = {{2, 3, 4, 5}},
      .call =
          [](const TensorList& in) {
            return permute(in[0], {0, 2, 1, 3});
          }},
     {.name = "transpose", .inputs = {{3, 4}}, .call = [](const TensorList& in) { return transpose(in[0], 0, 1); }},
     {.name = "cycle",  // its inverse is another permutation, and not of the same shape
      .inputs = {{2, 3, 4}},
      .call =
          [](const TensorList& in) {
            return permute(in[0], {1, 2, 0});
          }},
     {.name = "cycle_of_equal_axes",
      .inputs = {{3, 3, 3}},
      .call =
          [](const TensorList& in) {
            return permute(in[0], {1, 2, 0});
          }},
     {.name = "scalar", .inputs = {{}}, .call = [](const TensorList& in) { return permute(in[0], {}); }},
     {.name = "bad_axes",
      .inputs = {{3, 4}},
      .call =
          [](const TensorList& in) {
            return permute(in[0], {0, 0});
          },
      .error = "permute: axis 0 of (3, 4) is named twice"}});
const OpSamples slice_samples(
    "slice",
    {{.name = "rows", .inputs = {{5, 3}}, .call = [](const TensorList& in) { return slice(in[0], 0, 1, 4); }},
     {.name = "columns", .inputs = {{5, 3}}, .call = [](const TensorList& in) { return slice(in[0], -1, 2, 3); }},
     {.name = "nothing", .inputs = {{5, 3}}, .call = [](const TensorList& in) { return slice(in[0], 0, 2, 2); }},
     {.name = "bad_range",
      .inputs = {{5, 3}},
      .call = [](const TensorList& in) { return slice(in[0], 1, 2, 4); },
      .error = "slice: [2, 4) lies outside axis 1 of (5, 3)"}});
const OpSamples pad_samples(
    "pad", {{.name = "rows", .inputs = {{2, 3}}, .call = [](const TensorList& in) { return pad(in[0], 0, 1, 2); }},
            {.name = "columns", .inputs = {{2, 3}}, .call = [](const TensorList& in) { return pad(in[0], 1, 0, 1); }},
            {.name = "bad_negative",
             .inputs = {{2, 3}},
             .call = [](const TensorList& in) { return pad(in[0], 1, -1, 1); },
             .error = "pad: -1 and 1 must not be negative"}});
const OpSamples concatenate_samples(
    "concatenate",
    {{.name = "rows",
      .inputs = {{2, 3}, {1, 3}, {4, 3}},
      .call = [](const TensorList& in) { return concatenate(in, 0); }},
     {.name = "columns", .inputs = {{2, 3}, {2, 1}}, .call = [](const TensorList& in) { return concatenate(in, -1); }},
     {.name = "bad_shapes",
      .inputs = {{2, 3}, {3, 3}},
      .call = [](const TensorList& in) { return concatenate(in, 1); },
      .error = "concatenate: (2, 3) and (3, 3) differ in more than axis 1"}});
const OpSamples cast_samples("cast", {{.name = "there_and_back", .inputs = {{2, 3}}, .call = [](const TensorList& in) {
                                         return cast(cast(in[0], DType::float64), in[0].dtype()) * 2.0;
                                       }}});
const OpSamples alias_samples("alias", {{.name = "twice", .inputs = {{2, 3}}, .call = [](const TensorList& in) {
                                           return alias(in[0]) * in[0];
                                         }}});

}  // namespace
}  // namespace transformlet
