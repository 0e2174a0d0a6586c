// Less memory for more time: activations that are computed again in the backward pass.
#pragma once

#include <functional>

#include "autograd/tensor.h"

namespace transformlet {

// Runs the function, keeps none of its activations, and runs it again when its gradient is asked for (Chen et al. 2016,
// Training Deep Nets with Sublinear Memory Cost). Leaves that the function reaches by itself, such as the parameters of
// a layer, get their gradients too. The function must compute the same both times.
Tensor recompute(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs);

}  // namespace transformlet
