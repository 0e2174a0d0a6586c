// Gradient clipping (Pascanu et al. 2013). Meant to be used so:
//
//   const double norm = global_norm(gradients);
//   optimizer->step(gradients, learning_rate, clip_scale(norm, clip_norm));
#pragma once

#include <optional>

#include "autograd/tensor.h"

namespace transformlet {

// The root of the sum of all elements' squares, summed in double in a fixed order: the same bits on any number of
// threads. NaN or infinite if an element is. Error: a gradient that is undefined.
double global_norm(const TensorList& gradients);

// What to scale gradients of this norm by: min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ does; 1
// if there is no largest norm. A norm that is not finite is an Error even then, because a step with such gradients
// would make every parameter NaN: who wants to go on asks std::isfinite(norm) first.
double clip_scale(double norm, std::optional<double> max_norm);

// The gradients with every element brought into -max_value ... max_value, as torch.nn.utils.clip_grad_value_ does.
// NaN stays NaN, but infinity becomes max_value: only the norm from before tells.
TensorList clip_by_value(const TensorList& gradients, double max_value);

}  // namespace transformlet
