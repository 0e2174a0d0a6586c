// The loss between two sets of weights, and around one.
//
//   line    loss((1 - a) w0 + a w1) for a from 0 to 1. The barrier is the most by which it rises above the straight
//   line
//           from its first value to its last: 0 where there is none, exactly (linear mode connectivity: Frankle,
//           Dziugaite, Roy and Carbin, ICML 2020, whose barrier is taken above the mean of both ends).
//   plane   loss(w + x d + y e) for x and y from -radius to radius, with directions d and e that are random and then
//   given,
//           filter by filter, the norm of the weights (Li, Xu, Taylor, Studer and Goldstein, NeurIPS 2018): a row of a
//           matrix is a filter, and what is no matrix stays as it is. So a network that computes the same with weights
//           of another scale looks the same.
//
// Cost: an evaluation for each point. Weights are put together in float64 and rounded once.
#pragma once

#include <functional>
#include <vector>

#include "base/random.h"
#include "layers/scope.h"

namespace transformlet {

struct LandscapePoint {
  double x = 0, y = 0;  // of a line x alone
  double loss = 0;
};

// `loss` is asked for that of the parameters as they stand; they have their own values again at the end. `points`, at
// least 2, are evenly spaced, both ends included; the weights there are w0 and w1 to the bit, as they are everywhere if
// both are equal.
std::vector<LandscapePoint> loss_on_line(const Parameters& parameters, const TensorList& w0, const TensorList& w1,
                                         int64_t points, const std::function<double()>& loss);

// The point of the barrier; its loss is the barrier's height. A loss that is no number is infinitely high.
LandscapePoint barrier(const std::vector<LandscapePoint>& line);

// Around the parameters' values; points x points, row by row of equal y. An odd number has the weights themselves in
// its middle.
std::vector<LandscapePoint> loss_on_plane(const Parameters& parameters, const TensorList& d, const TensorList& e,
                                          double radius, int64_t points, const std::function<double()>& loss);

// In float64, one tensor for each parameter.
TensorList filter_normalised_direction(const Parameters& parameters, RandomKey key);

}  // namespace transformlet
