#include "autograd/profile.h"

#include <algorithm>
#include <utility>

#include "autograd/node.h"

namespace transformlet {
namespace {

// How many of the operands want a gradient, as a multiple of the forward pass's products. In attention the softmax lies
// between its two products, so all four derivatives of products are computed whatever is asked for.
double backward_share(std::string_view op, const std::vector<bool>& needed) {
  if (op.ends_with("attention")) return 2;
  return std::count(needed.begin(), needed.begin() + std::min<std::ptrdiff_t>(2, std::ssize(needed)), true);
}

}  // namespace

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
  times.product_operations += recording.product_operations;
}

void Profile::backward(const Node& node, const std::vector<bool>& needed) {
  Times& times = op(node.op).backward;
  times.seconds += lap();
  ++times.calls;
  if (recording()) return;  // a gradient that is itself differentiable is made of ops, which have reported theirs
  times.product_operations += backward_share(node.op, needed) * node.product_operations;
}

Profiling::Profiling(Profile& profile) : before_(std::exchange(current_profile, &profile)) { profile.skip(); }
Profiling::~Profiling() { current_profile = before_; }

}  // namespace transformlet
