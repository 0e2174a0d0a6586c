#include "train/findings/measures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/name_patterns.h"
#include "train/metrics_reader.h"

namespace transformlet {

Series read_series(const std::filesystem::path& metrics, const std::string& metric, const std::string& among) {
  Series series;
  read_metrics(metrics, [&](const nlohmann::ordered_json& values) {
    std::optional<double> chosen;
    for (const auto& [name, value] : values.items()) {
      if (!value.is_number() || !matches_pattern(metric, name)) continue;
      if (!chosen || among == "last" || value.get<double>() > *chosen) chosen = value.get<double>();
    }
    if (chosen) series.emplace_back(values["step"].get<int64_t>(), *chosen);
  });
  require(!series.empty(), "{}: it has no metric {}", metrics.string(), metric);
  return series;
}

std::optional<double> taken(const FindingMeasure& measure, const Series& series) {
  std::vector<double> values;
  bool counts = !measure.from_level;
  for (const auto& [step, value] : series) {
    counts = counts || value >= *measure.from_level;
    if (!counts || step < measure.from_step) continue;
    const bool reaches = measure.take == "rises_to"   ? value >= *measure.level
                         : measure.take == "falls_to" ? value <= *measure.level
                                                      : false;
    if (reaches) return measure.times * static_cast<double>(step);
    values.push_back(value);
  }
  if (values.empty() || measure.level) return std::nullopt;
  double result = values.back();
  if (measure.take == "first") result = values.front();
  if (measure.take == "max") result = std::ranges::max(values);
  if (measure.take == "min") result = std::ranges::min(values);
  if (measure.take == "mean") result = estimate(values).mean;
  return measure.times * result;
}

std::optional<double> log_log_slope(const std::vector<double>& x, const std::vector<double>& y) {
  if (std::ranges::any_of(y, [](double value) { return !(value > 0); })) return std::nullopt;
  double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / static_cast<double>(x.size());
    mean_y += std::log(y[i]) / static_cast<double>(x.size());
  }
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (std::log(x[i]) - mean_x) * (std::log(y[i]) - mean_y);
    xx += (std::log(x[i]) - mean_x) * (std::log(x[i]) - mean_x);
  }
  return xy / xx;
}

// From a table; beyond it the expansion of Cornish and Fisher in 1 / degrees, which is good to 3 digits there.
double student_t(int64_t degrees) {
  constexpr std::array table = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (degrees <= static_cast<int64_t>(table.size())) return table[static_cast<size_t>(degrees - 1)];
  const auto d = static_cast<double>(degrees);
  return 1.95996 + 2.37227 / d + 2.82250 / (d * d);
}

Estimate estimate(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  Estimate result;
  for (const double value : values) result.mean += value / n;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.half_width = student_t(static_cast<int64_t>(values.size()) - 1) * std::sqrt(squares / (n - 1) / n);
  return result;
}

}  // namespace transformlet
