// Who watches what a thread records: the gradient checker compares branches, and audits graphs. Nobody asks for it: an
// op costs one look at a null pointer more.
#pragma once

#include <cstdint>

#include "autograd/graph.h"

namespace transformlet {

class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  // An op joined the graph.
  virtual void recorded(const NodePointer& /*node*/, const TensorList& /*inputs*/) {}
  // An op stayed out of the graph: its inputs are constants, or nothing is recorded.
  virtual void computed(const TensorList& /*inputs*/, const TensorList& /*outputs*/) {}
  // detach() cut a tensor off from the graph that leads to it.
  virtual void detached(const Tensor& /*from*/, const Tensor& /*constant*/) {}
  // An op that is smooth only in pieces says which one it took: see report_branch().
  virtual void branched(const Tensor& /*y*/, uint64_t /*signature*/) {}
  // A graph that led to `inner` was dropped, and `outer` stands for it (recompute).
  virtual void replaced(const Tensor& /*inner*/, const Tensor& /*outer*/) {}
};

// The observer of this thread, or null.
inline constinit thread_local Observer* current_observer = nullptr;

// While one exists in this thread, the observer is told.
class Observing {
 public:
  explicit Observing(Observer& observer) : before_(current_observer) { current_observer = &observer; }
  ~Observing() { current_observer = before_; }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

 private:
  Observer* before_;
};

// A hash of bytes (FNV-1a, 64 bits), for signatures.
class Signature {
 public:
  void add(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

// An op whose derivative jumps (ReLU, max, clipping) calls this with what it made and a callable `state` of i in
// 0 ... count - 1: a byte that names the piece which element i lies in, the point between two pieces being one of its
// own. The gradient checker compares these on both sides of an entry, and so knows a kink from a wrong gradient.
template <class State>
void report_branch(const Tensor& y, int64_t count, const State& state) {
  if (current_observer == nullptr || !y.requires_grad()) [[likely]]
    return;
  Signature signature;
  for (int64_t i = 0; i < count; ++i) signature.add(static_cast<uint8_t>(state(i)));
  current_observer->branched(y, signature.value());
}

}  // namespace transformlet
