// The metrics of a run, short enough for a page.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "train/report/series.h"

namespace transformlet {

// {"axes": [steps], "metrics": [{"name", "axis", "values", "recorded", "minimum", "maximum", "last"}]}. Each metric is
// thinned to `most_points`; metrics of the same steps share an axis.
nlohmann::ordered_json curves_json(std::vector<Series> metrics, size_t most_points);

// What train/report/phase_changes.h finds, and the plateaus before.
nlohmann::ordered_json changes_json(const std::vector<Series>& metrics);

}  // namespace transformlet
