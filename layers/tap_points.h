// What can be tapped in a model: the names of its activations, and their shapes.
#pragma once

#include <string>
#include <vector>

#include "layers/model.h"

namespace transformlet {

struct TapPoint {
  std::string name;
  Shape shape;  // for one sample: the first axis counts them
};

// In the order of a forward pass, which is made for it, over one sequence of the greatest length (and such a source).
// Of four axes the second counts heads and the third positions; of three the second counts positions; of two none does.
std::vector<TapPoint> tap_points(const Model& model, const ModelSizes& sizes);

}  // namespace transformlet
