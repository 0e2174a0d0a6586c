// Wrong derivatives, planted into the graph of a function that is right.
#pragma once

#include <string>

#include "autograd/gradcheck.h"
#include "autograd/node.h"
#include "autograd/ops.h"

namespace transformlet {

// What the vjp of an op gives, made wrong.
using Bug = std::function<TensorList(TensorList)>;

inline TensorList times(double factor, TensorList gradients) {
  for (Tensor& gradient : gradients) {
    if (gradient.defined()) gradient = gradient * factor;
  }
  return gradients;
}
inline TensorList twice(TensorList gradients) { return times(2, std::move(gradients)); }

// The same function, but in the graph of its outputs the `which`th op of that name, counted from the outputs, has a
// wrong vjp. An Error if there is no such op: a bug that is not planted would look like one that is not found.
inline TensorFunction with_bug(const TensorFunction& function, const std::string& op, const Bug& bug = twice,
                               int which = 0) {
  return [=](const TensorList& inputs) {
    const TensorList outputs = function(inputs);
    if (!recording()) return outputs;
    int left = which;
    for (const NodePointer& node : ancestry(outputs).nodes) {
      if (node->op != op || left-- > 0) continue;
      node->vjp = [bug, right = node->vjp](const Backward& backward) {
        // A wrong vjp must not add to sums that others have begun.
        const std::vector<Tensor*> none(backward.sums.size(), nullptr);
        return bug(right(Backward{backward.saved, backward.outputs, backward.dys, backward.needed, none}));
      };
      return outputs;
    }
    throw Error(fmt::format("with_bug: there is no op {} number {} in the graph", op, which));
  };
}

}  // namespace transformlet
