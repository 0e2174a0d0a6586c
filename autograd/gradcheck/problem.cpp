#include "autograd/gradcheck/problem.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/node.h"
#include "autograd/observer.h"
#include "base/random.h"

namespace transformlet::checking {
namespace {

// Remembers the branches of all nodes; which of them count shows when the outputs are known.
class BranchLog : public Observer {
 public:
  void branched(const Tensor& y, uint64_t signature) override {
    log_.push_back({y.body().node, y.body().node->op, signature});
  }

  void replaced(const Tensor& inner, const Tensor& outer) override {
    const Ancestry graph = ancestry({inner});
    for (Entry& entry : log_) {
      if (graph.find(entry.node) != Ancestry::nowhere) entry.node = outer.body().node;
    }
  }

  std::vector<Branch> on_the_way_to(const TensorList& roots) const {
    std::vector<Branch> branches;
    if (log_.empty()) return branches;
    const Ancestry graph = ancestry(roots);
    for (const Entry& entry : log_) {
      if (graph.find(entry.node) != Ancestry::nowhere) branches.push_back({entry.op, entry.signature});
    }
    return branches;
  }

 private:
  struct Entry {
    NodePointer node;
    const char* op;
    uint64_t signature;
  };
  std::vector<Entry> log_;
};

}  // namespace

bool Point::finite() const {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

Point Problem::evaluate() const {
  BranchLog log;
  Point point;
  Evaluated evaluated;
  {
    const Observing observing(log);
    evaluated = value();
  }
  require_as_before(evaluated.outputs);
  point.branches = log.on_the_way_to(evaluated.roots);
  point.values = values_of(evaluated.outputs);
  return point;
}

std::vector<double> values_of(const TensorList& tensors) {
  std::vector<double> values;
  for (const Tensor& x : tensors) {
    with_dtype(x.dtype(), [&]<class T>() { values.insert(values.end(), x.data<T>(), x.data<T>() + x.size()); });
  }
  return values;
}

TensorList Problem::gradient() const {
  const TensorList outputs = differentiable();
  require_as_before(outputs);
  return grad(outputs, inputs, {.seeds = cotangents});
}

void Problem::require_as_before(const TensorList& outputs) const {
  const bool alike = std::equal(outputs.begin(), outputs.end(), cotangents.begin(), cotangents.end(),
                                [](const Tensor& a, const Tensor& b) { return a.shape() == b.shape(); });
  require(alike, "gradcheck: the function's outputs change their number or shape from call to call");
}

std::vector<bool> Problem::joined() const {
  const Ancestry graph = ancestry(differentiable());
  std::vector<bool> result;
  for (const Tensor& x : inputs) result.push_back(graph.find(x.body().node) != Ancestry::nowhere);
  return result;
}

double epsilon_of(const TensorList& outputs, const TensorList& inputs) {
  const auto is_low = [](const auto& x) { return x.dtype == DType::float32; };
  const auto has_low = [&](const NodePointer& node) {
    return std::any_of(node->inputs.begin(), node->inputs.end(), is_low) ||
           std::any_of(node->outputs.begin(), node->outputs.end(), is_low);
  };
  const std::vector<NodePointer> nodes = ancestry(outputs).nodes;
  const bool low = std::any_of(nodes.begin(), nodes.end(), has_low) ||
                   std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& x) { return is_low(x.body()); });
  return low ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

TensorList random_cotangents(const TensorList& outputs, uint64_t seed) {
  TensorList cotangents;
  for (size_t i = 0; i < outputs.size(); ++i) {
    RandomStream stream(RandomKey(seed) / "cotangent" / static_cast<int64_t>(i));
    std::vector<double> values(static_cast<size_t>(outputs[i].size()));
    for (double& value : values) {
      value = stream.normal();
      value += std::copysign(0.25, value);
    }
    cotangents.push_back(tensor(values, outputs[i].shape(), outputs[i].dtype()));
  }
  return cotangents;
}

void require_leaves(const char* op, const TensorList& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    require(inputs[i].defined() && is_leaf(inputs[i]), "{}: input {} is not a leaf(); its values can't be changed", op,
            i);
    for (size_t j = 0; j < i; ++j) {
      require(inputs[i].size() == 0 || inputs[i].body().buffer != inputs[j].body().buffer,
              "{}: inputs {} and {} share their memory; give each once", op, j, i);
    }
  }
}

std::string name_of_input(const TensorList& inputs, size_t i) {
  return inputs[i].name().empty() ? fmt::format("input {}", i) : inputs[i].name();
}

std::vector<int64_t> unravel(const Shape& shape, int64_t position) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

std::vector<double> root_mean_squares(const TensorList& tensors) {
  std::vector<double> result;
  for (const Tensor& x : tensors) {
    // By the largest, so that squares neither overflow nor vanish.
    double largest = 0, sum = 0;
    const auto size_at = [&](int64_t i) { return std::isfinite(value_at(x, i)) ? std::abs(value_at(x, i)) : 0.0; };
    for (int64_t i = 0; i < x.size(); ++i) largest = std::max(largest, size_at(i));
    if (largest > 0) {
      for (int64_t i = 0; i < x.size(); ++i) sum += std::pow(size_at(i) / largest, 2);
    }
    result.push_back(sum > 0 ? largest * std::sqrt(sum / static_cast<double>(x.size())) : 0.0);
  }
  return result;
}

double value_at(const Tensor& x, int64_t at) {
  return with_dtype(x.dtype(), [&]<class T>() { return static_cast<double>(x.data<T>()[at]); });
}

void set_values(Tensor x, const std::function<double(int64_t)>& value) {
  with_dtype(x.dtype(), [&]<class T>() {
    T* const data = overwrite<T>(x);
    for (int64_t i = 0; i < x.size(); ++i) data[i] = static_cast<T>(value(i));
  });
}

void set_value(Tensor x, int64_t at, double value) {
  with_dtype(x.dtype(), [&]<class T>() { overwrite<T>(x)[at] = static_cast<T>(value); });
}

}  // namespace transformlet::checking
