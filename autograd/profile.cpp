#include "autograd/profile.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "autograd/node.h"

namespace transformlet {
namespace {

double as_number(int64_t count) { return static_cast<double>(count); }

// How many of the operands want a gradient, as a multiple of the forward pass's products. In attention the softmax lies
// between its two products, so all four derivatives of products are computed whatever is asked for.
double backward_share(std::string_view op, const std::vector<bool>& needed) {
  if (op.ends_with("attention")) return 2;
  return std::count(needed.begin(), needed.begin() + std::min<std::ptrdiff_t>(2, std::ssize(needed)), true);
}

}  // namespace

double product_operations(std::string_view op, const std::vector<Shape>& inputs, const Shape& output) {
  if (op == "linear" || op == "gelu_linear") return 2 * as_number(output.size()) * as_number(inputs[1][1]);
  if (op == "matmul") {  // which axis of the first operand is summed over is not known; its rows are the output's
    const int64_t rows = std::max<int64_t>(1, output[-2]);
    return 2 * as_number(output.size()) * as_number(inputs[0][-1] * inputs[0][-2] / rows);
  }
  if (op == "packed_attention") return 4 * as_number(output.size()) * as_number(inputs[0][-2]);
  if (op.ends_with("attention")) {  // scores from queries and keys, values from scores and values
    return 2 * as_number(inputs[0].size() + output.size()) * as_number(inputs[1][-2]);
  }
  return 0;
}

double Profile::seconds() const {
  double total = 0;
  for (const auto& [name, op] : ops_) total += op.forward.seconds + op.backward.seconds;
  for (const auto& [name, seconds] : parts_) total += seconds;
  return total;
}

double Profile::product_operations() const {
  double total = 0;
  for (const auto& [name, op] : ops_) total += op.forward.product_operations + op.backward.product_operations;
  return total;
}

double Profile::lap() {
  const auto before = std::exchange(last_, std::chrono::steady_clock::now());
  return std::chrono::duration<double>(last_ - before).count();
}

Profile::Op& Profile::op(std::string_view name) {
  const auto found = ops_.find(name);
  return found != ops_.end() ? found->second : ops_[std::string(name)];
}

void Profile::skip() { lap(); }

void Profile::part(std::string_view name) {
  const double seconds = lap();
  const auto found = parts_.find(name);
  (found != parts_.end() ? found->second : parts_[std::string(name)]) += seconds;
}

void Profile::forward(const Recording& recording) {
  Times& times = op(recording.op).forward;
  times.seconds += lap();
  ++times.calls;
  std::vector<Shape> shapes;
  for (const Tensor& x : recording.inputs) shapes.push_back(x.shape());
  times.product_operations += transformlet::product_operations(recording.op, shapes, recording.outputs[0].shape());
}

void Profile::backward(const Node& node, const std::vector<bool>& needed) {
  Times& times = op(node.op).backward;
  times.seconds += lap();
  ++times.calls;
  if (recording()) return;  // a gradient that is itself differentiable is made of ops, which have reported theirs
  std::vector<Shape> shapes;
  for (const Node::Input& input : node.inputs) shapes.push_back(input.shape);
  times.product_operations +=
      backward_share(node.op, needed) * transformlet::product_operations(node.op, shapes, node.outputs[0].shape);
}

Profiling::Profiling(Profile& profile) : before_(std::exchange(current_profile, &profile)) { profile.skip(); }
Profiling::~Profiling() { current_profile = before_; }

}  // namespace transformlet
