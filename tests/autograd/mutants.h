// Wrong derivatives on purpose: what takes a graph that an op has just made, and replaces the op's vjp.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/gradcheck/problem.h"
#include "autograd/node.h"
#include "autograd/ops.h"
#include "base/random.h"

namespace transformlet::mutants {

// ---- values in other places ----

inline Tensor with_values(const Tensor& like, const std::vector<double>& values) {
  return tensor(values, like.shape(), like.dtype());
}

inline Tensor scaled(const Tensor& x, double factor) {
  std::vector<double> values = x.to_vector();
  for (double& value : values) value *= factor;
  return with_values(x, values);
}

inline Tensor normal_like(const Tensor& x, RandomKey key) {
  RandomStream stream(key);
  std::vector<double> values(static_cast<size_t>(x.size()));
  for (double& value : values) value = stream.normal();
  return with_values(x, values);
}

// For each element, the one of x that takes its place.
inline Tensor rearranged(const Tensor& x, const std::function<void(std::vector<int64_t>&)>& source) {
  const std::vector<double> from = x.to_vector();
  std::vector<double> to(from.size());
  for (int64_t i = 0; i < x.size(); ++i) {
    std::vector<int64_t> index = checking::unravel(x.shape(), i);
    source(index);
    int64_t at = 0;
    for (int axis = 0; axis < x.rank(); ++axis) at = at * x.dim(axis) + index[static_cast<size_t>(axis)];
    to[static_cast<size_t>(i)] = from[static_cast<size_t>(at)];
  }
  return with_values(x, to);
}

// Everything one place further along an axis, the last first.
inline Tensor rolled(const Tensor& x, int axis) {
  return rearranged(x, [&](std::vector<int64_t>& index) {
    int64_t& place = index[static_cast<size_t>(axis)];
    place = (place + x.dim(axis) - 1) % x.dim(axis);
  });
}

// Matrices read column by column where they were written row by row: the transpose, if they are square.
inline Tensor transposed_in_memory(const Tensor& x) {
  if (x.rank() < 2) return x;
  const int64_t rows = x.dim(-2), columns = x.dim(-1);
  return rearranged(x, [&](std::vector<int64_t>& index) {
    int64_t &row = index[index.size() - 2], &column = index[index.size() - 1];
    const int64_t place = row * columns + column;
    row = place % rows;
    column = place / rows;
  });
}

// x with zeros wherever `keep` says no.
inline Tensor kept_where(const Tensor& x, const std::function<bool(const std::vector<int64_t>&)>& keep) {
  std::vector<double> values = x.to_vector();
  for (int64_t i = 0; i < x.size(); ++i) {
    if (!keep(checking::unravel(x.shape(), i))) values[static_cast<size_t>(i)] = 0;
  }
  return with_values(x, values);
}

// ---- distances ----

inline double norm(const Tensor& x) {
  double total = 0;
  for (const double value : x.to_vector()) total += value * value;
  return std::sqrt(total);
}

// ||x - y||; infinity if it is not a number.
inline double distance_between(const Tensor& x, const Tensor& y) {
  const std::vector<double> a = x.to_vector(), b = y.to_vector();
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return std::isfinite(total) ? std::sqrt(total) : INFINITY;
}

// The same, but for the rounding of sums in another order.
inline bool same(const Tensor& x, const Tensor& y) { return distance_between(x, y) <= 1e-13 * norm(x); }

// ---- calls of a vjp ----

struct Operands {
  TensorList saved, outputs, dys;
};

// A call of a right vjp, which can be repeated with other operands.
class VjpCall {
 public:
  VjpCall(const std::vector<Shape>& inputs, const Vjp& vjp, const Backward& backward)
      : inputs_(inputs), vjp_(vjp), backward_(backward) {}

  const Shape& input_shape(size_t slot) const { return inputs_[slot]; }
  const Tensor& dy() const { return backward_.dy(); }
  // What the engine makes of a gradient: one in the shape of the input.
  Tensor settled(const Tensor& gradient, size_t slot) const {
    return gradient.shape() == inputs_[slot] ? gradient : sum_to(gradient, inputs_[slot]);
  }

  // Gradients of its own: a vjp may write into the memory of its dy, or add to a sum that exists.
  Operands operands() const {
    Operands result{backward_.saved, backward_.outputs, {}};
    for (const Tensor& dy : backward_.dys) result.dys.push_back(copy(dy));
    return result;
  }

  TensorList run(const Operands& operands) const {
    const std::vector<Tensor*> no_sums(backward_.sums.size(), nullptr);
    return vjp_(Backward{operands.saved, operands.outputs, operands.dys, backward_.needed, no_sums});
  }
  TensorList run() const { return run(operands()); }
  TensorList run_with_dy(const Tensor& dy) const {
    Operands other = operands();
    other.dys.front() = dy;
    return run(other);
  }

 private:
  const std::vector<Shape>& inputs_;
  const Vjp& vjp_;
  const Backward& backward_;
};

// Changes the gradients that a vjp gave.
using Alter = std::function<void(const VjpCall&, TensorList& gradients)>;

// The function with the vjps of its nodes of that op altered, all of them or the newest alone. Gradients that are to be
// differentiated stay right.
enum class Nodes { all, newest };
inline TensorFunction planted(const TensorFunction& function, const std::string& op, const Alter& alter,
                              Nodes nodes = Nodes::all) {
  return [=](const TensorList& inputs) {
    TensorList outputs = function(inputs);
    for (const NodePointer& node : ancestry(outputs).nodes) {
      if (node->op != op) continue;
      std::vector<Shape> shapes;
      for (const Node::Input& input : node->inputs) shapes.push_back(input.shape);
      node->vjp = [shapes, alter, vjp = node->vjp](const Backward& backward) -> TensorList {
        if (recording()) return vjp(backward);
        const VjpCall call(shapes, vjp, backward);
        TensorList gradients = call.run();
        alter(call, gradients);
        return gradients;
      };
      if (nodes == Nodes::newest) break;
    }
    return outputs;
  };
}

// The function with the whole backward pass of another.
inline TensorFunction with_backward_of(const TensorFunction& function, const TensorFunction& other) {
  return [=](const TensorList& inputs) {
    auto vjp = [other](const Backward& backward) -> TensorList {
      const RecordingIs on(true);
      TensorList leaves;
      for (const Tensor& x : backward.saved) leaves.push_back(leaf(x));
      return grad(other(leaves), leaves, {.seeds = backward.dys});
    };
    TensorList outputs;
    {
      const NoRecording off;
      outputs = function(inputs);
    }
    return record_all({.op = "planted", .inputs = inputs, .outputs = outputs, .vjp = vjp, .saves = inputs});
  };
}

// The gradient that gradcheck judges.
inline TensorList gradient_of(const TensorFunction& function, const TensorList& inputs, uint64_t seed) {
  const TensorList outputs = function(inputs);
  return grad(outputs, inputs, {.seeds = checking::random_cotangents(outputs, seed)});
}

// The largest ||g' - g|| / ||g|| of all inputs. Where g is 0, any change counts.
inline double relative_change(const TensorList& right, const TensorList& wrong) {
  double largest = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    const double change = distance_between(right[i], wrong[i]);
    if (change > 0) largest = std::max(largest, change / norm(right[i]));
  }
  return largest;
}

}  // namespace transformlet::mutants
