#include "train/report/curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "train/report/packed_array.h"

namespace transformlet {

using Json = nlohmann::ordered_json;

Json curves_json(std::vector<Series> metrics, size_t most_points) {
  std::map<std::vector<int32_t>, size_t> axes;
  Json axes_json = Json::array(), metrics_json = Json::array();
  for (Series& series : metrics) {
    if (series.size() == 0) continue;
    thin(series, most_points);
    const auto [axis, is_new] = axes.try_emplace(series.steps, axes.size());
    const auto count = static_cast<int64_t>(series.size());
    if (is_new) axes_json.push_back(packed_array(series.steps, {count}));
    double minimum = NAN, maximum = NAN;
    for (const float value : series.values) {
      minimum = std::fmin(minimum, static_cast<double>(value));
      maximum = std::fmax(maximum, static_cast<double>(value));
    }
    metrics_json.push_back({{"name", series.name},
                            {"axis", axis->second},
                            {"values", packed_array(series.values, {count})},
                            {"recorded", series.recorded},
                            {"minimum", minimum},
                            {"maximum", maximum},
                            {"last", static_cast<double>(series.values.back())}});
  }
  return {{"axes", axes_json}, {"metrics", metrics_json}};
}

}  // namespace transformlet
