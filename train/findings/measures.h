// Numbers for a finding: from the metrics of runs, over seeds.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "train/findings/finding.h"

namespace transformlet {

using Series = std::vector<std::pair<int64_t, double>>;  // steps, ascending, and values

// The values of a metric in a metrics.jsonl. A * in the name stands for anything: at each step it is the largest of all
// that match, or the last one, which is that of the deepest layer. An Error if the file can't be read, or has no such
// metric.
Series read_series(const std::filesystem::path& metrics, const std::string& metric,
                   const std::string& among = "largest");

// What a measure takes of a series; nothing: a level that is never reached.
std::optional<double> taken(const FindingMeasure& measure, const Series& series);

// The slope of log y against log x, by least squares. Nothing if a value is not above 0.
std::optional<double> log_log_slope(const std::vector<double>& x, const std::vector<double>& y);

// A mean over seeds, with the half-width of its 95 % confidence interval by Student's t; of one seed there is none.
struct Estimate {
  double mean = 0;
  std::optional<double> half_width = {};
};
Estimate estimate(const std::vector<double>& values);

// The 97.5 % quantile of Student's t distribution with so many degrees of freedom, to 3 digits.
double student_t(int64_t degrees);

}  // namespace transformlet
