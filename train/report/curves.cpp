#include "train/report/curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "train/report/packed_array.h"
#include "train/report/phase_changes.h"

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
    float minimum = NAN, maximum = NAN;
    for (const float value : series.values) {
      minimum = std::fmin(minimum, value);
      maximum = std::fmax(maximum, value);
    }
    metrics_json.push_back({{"name", series.name},
                            {"axis", axis->second},
                            {"values", packed_array(series.values, {count})},
                            {"recorded", series.recorded},
                            {"minimum", shortest(minimum)},
                            {"maximum", shortest(maximum)},
                            {"last", shortest(series.values.back())}});
  }
  return {{"axes", axes_json}, {"metrics", metrics_json}};
}

Json changes_json(const std::vector<Series>& metrics) {
  Json result = Json::array();
  for (const auto& [first, following] : changes_together(metrics)) {
    if (first.plateau >= 0) {
      result.push_back({{"step", first.plateau},
                        {"metric", first.metric},
                        {"kind", "plateau"},
                        {"until", first.step},
                        {"size", 0},
                        {"followers", Json::array()}});
    }
    Json followers = Json::array();
    for (const PhaseChange& follower : following) {
      followers.push_back({{"metric", follower.metric}, {"delay", follower.step - first.step}});
    }
    result.push_back({{"step", first.step},
                      {"metric", first.metric},
                      {"kind", first.after < first.before ? "drop" : "rise"},
                      {"until", first.until},
                      {"size", std::abs(first.after - first.before)},
                      {"followers", std::move(followers)}});
  }
  return result;
}

}  // namespace transformlet
