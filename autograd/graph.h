// The graph: what made each tensor, and reverse-mode differentiation over it.
//
// There is no tape: a node's id counts creation, so creation order is topological order, and a graph lives as long as a
// tensor that leads to it. Gradients are values, not state: grad() returns a list; there is no .grad and no zero_grad.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "autograd/tensor.h"

namespace transformlet {

// What a vjp (vector-Jacobian product) is given: the tensors that its op saved, the gradient of each of the op's
// outputs, and which inputs want one. Outputs that nothing depends on have a gradient of zeros.
class Backward {
 public:
  const TensorList& saved;
  const TensorList& outputs;  // the op's own outputs, if it said `keeps_output`
  const TensorList& dys;
  const Tensor& dy() const { return dys.front(); }
  // For the gradient of an input that is shaped like dy: dy's own memory, if nobody else holds it, so that kernels that
  // go element by element (or row by row) need no second buffer; otherwise a new tensor.
  Tensor room_like_dy() const;
  bool needs(size_t input) const { return needed[input]; }
  // Where the gradient of this input is already being summed and may be added to in place: a vjp that does so leaves
  // its own entry undefined. Null: return the gradient as usual.
  Tensor* sum_into(size_t input) const { return sums[input]; }

  const std::vector<bool>& needed;
  const std::vector<Tensor*>& sums;
};

using Vjp = std::function<TensorList(const Backward&)>;
using Reference = std::function<TensorList(const TensorList&)>;

// What an op says of itself once it has computed its outputs.
struct Recording {
  const char* op;
  TensorList inputs;
  TensorList outputs;
  Vjp vjp;                   // one gradient for each input, in the dtype of that input; undefined: none
  Reference reference = {};  // fused ops: the same function in primitives. Primitives have none: their vjps are made of
                             // primitives, so they are closed under differentiation.
  TensorList saves = {};     // what the vjp needs: handed back as Backward::saved. A vjp captures no tensor itself.
  bool keeps_output = false;
  double product_operations = 0;  // multiplications and additions of its matrix products: for profiles
};

// Joins the outputs to the graph if an input leads to a leaf and recording is on. Gives back the outputs.
TensorList record_all(Recording recording);
Tensor record(Recording recording);  // for an op with one output

struct GradOptions {
  TensorList seeds = {};        // dL/dy for each y; without: y must be one number, and the seed is 1
  bool keep_graph = false;      // otherwise the graph is released while it is walked
  bool differentiable = false;  // the gradients can be differentiated again; keeps the graph. Fused ops need the
                                // forward pass to have run under a HigherOrder guard.
  // Called with a target's index and gradient as soon as it is complete; the returned list holds it no more.
  std::function<void(size_t, Tensor)> on_gradient = {};
};

// The gradients of y (or of the sum of <y, seed> over several) with respect to each target, which may be leaves or
// anything in between. A target that y does not depend on gets zeros; depends_on() tells them apart.
TensorList grad(const Tensor& y, const TensorList& targets, const GradOptions& options = {});
TensorList grad(const TensorList& ys, const TensorList& targets, const GradOptions& options = {});

// For each target: does a path join it to y?
std::vector<bool> depends_on(const Tensor& y, const TensorList& targets);

// While one exists in this thread, nothing is recorded.
class NoRecording {
 public:
  NoRecording();
  ~NoRecording();
  NoRecording(const NoRecording&) = delete;
  NoRecording& operator=(const NoRecording&) = delete;

 private:
  bool before_;
};
bool recording();

// While one exists in this thread, fused ops keep their inputs, so that a gradient can be differentiated again.
class HigherOrder {
 public:
  HigherOrder();
  ~HigherOrder();
  HigherOrder(const HigherOrder&) = delete;
  HigherOrder& operator=(const HigherOrder&) = delete;

 private:
  bool before_;
};

// ---- for the engine, messages and audits ----
bool is_leaf(const Tensor& x);
const char* op_of(const Tensor& x);  // "leaf", "constant", or the op that made it
NodePointer leaf_node(const Tensor& x, const std::string& name);
int64_t live_nodes();  // how many nodes exist: tests see that graphs go away

}  // namespace transformlet
