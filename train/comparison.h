// What two runs have in common, and where they part: for `transformlet compare`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/config/differences.h"

namespace transformlet {

struct WeightsComparison {
  std::string words;  // of what was found, in a line
  bool equal = false;
};

// By the hashes of the steps that both have recorded (train/weight_hashes.h). Equal: of every step that either has,
// both have the same.
WeightsComparison compare_weights(const std::filesystem::path& a, const std::filesystem::path& b);

struct MetricComparison {
  std::string name;  // "val/loss"
  std::string a, b;  // "1.25 at step 60"; "-": it has none
};

// The newest value of each metric of training and evaluation, in the order of the first run's lines and then of the
// second's own. What depends on the clock (perf/), and what probes measure, is left out.
std::vector<MetricComparison> compare_metrics(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace transformlet
