// What is done to weights by hand, between steps of training.
#pragma once

#include <string>
#include <vector>

#include "base/fields.h"
#include "layers/scope.h"

namespace transformlet {

struct WeightEdit {
  std::string kind = "zero";
  std::vector<std::string> at;  // patterns of names (base/name_patterns.h)
  double value = 0, factor = 1;
  std::string from = {};  // of copy: what train.initial_weights takes
  int64_t step = 0;       // after so many steps

  void describe(Fields& field);
  bool operator==(const WeightEdit&) const = default;
};

// Does the edits that are due after so many steps, in their order: zero, set to a value, scale by a factor, or copy
// from stored weights, whose dtype may be another. The optimiser's state and averaged weights stay. An Error that names
// the edit if stored weights lack a name or have it in another shape.
void edit_weights(const std::vector<WeightEdit>& edits, const Parameters& parameters, int64_t step);

// An Error if an edit can't be done, now that it would be: for a look before the first step.
void require_sources(const std::vector<WeightEdit>& edits, const Parameters& parameters);

}  // namespace transformlet
