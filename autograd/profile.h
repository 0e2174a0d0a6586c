// Where the time of a thread goes, op by op, and how many floating-point operations its matrix products are.
//
// Operations are those that the step needs: 2 m n k for a product, in attention of the pairs that its mask's rules let
// through (Mask::pairs). Gradients with respect to an operand cost as much again. What the kernels compute beyond that
// (hidden pairs of a tile, scores that the backward pass computes again) does not count; what train.recompute computes
// again does.
//
// Nobody asks for it: nothing is measured, and an op costs one look at a null pointer more.
//
// There is one clock. Whatever reports to a profile takes all the time since the report before, so nothing counts
// twice, however gradients and ops call each other, and all times add up to no more than the wall clock's. Work between
// two ops that is not recorded (one_hot, detach, a read of item()) falls to the later of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "autograd/graph.h"

namespace transformlet {

class Profile {
 public:
  struct Times {
    int64_t calls = 0;
    double seconds = 0;
    double product_operations = 0;  // multiplications and additions of matrix products
  };
  struct Op {
    Times forward, backward;
  };

  const std::map<std::string, Op, std::less<>>& ops() const { return ops_; }
  // Work that is no op: "walk" is the engine's own (finding the graph, adding gradients, releasing); others are named
  // by those who report them.
  const std::map<std::string, double, std::less<>>& parts() const { return parts_; }

  double seconds() const;  // of all of them
  double product_operations() const;

  // ---- reports: the time since the last one is taken ----
  void skip();  // by nobody
  void part(std::string_view name);
  void forward(const Recording& recording);
  void backward(const Node& node, const std::vector<bool>& needed);

 private:
  double lap();
  Op& op(std::string_view name);

  std::map<std::string, Op, std::less<>> ops_;
  std::map<std::string, double, std::less<>> parts_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// While one exists in this thread, ops report to the profile when they are recorded (not under NoRecording), and grad()
// when it has called an op's vjp.
class Profiling {
 public:
  explicit Profiling(Profile& profile);
  ~Profiling();
  Profiling(const Profiling&) = delete;
  Profiling& operator=(const Profiling&) = delete;

 private:
  Profile* before_;
};

// The profile of this thread, or null.
inline constinit thread_local Profile* current_profile = nullptr;

}  // namespace transformlet
