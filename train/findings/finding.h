// A published finding, and how to see it here: which runs to train, what to read from their metrics, and what must be
// so for the finding to count as reproduced. A finding is one file, configs/findings/<name>.yaml:
//
//   title: Induction heads
//   source: "Olsson et al. 2022, https://..."
//   claim: Two layers of attention form induction heads, at once; one layer can't.
//   runs:
//     two_layers: {config: configs/study/induction.yaml}
//     one_layer: {config: configs/study/induction.yaml, set: [model.num_layers=1]}
//   measures:
//     two: {run: two_layers, metric: "attention/decoder.blocks.*/prefix_matching", take: last}
//     one: {run: one_layer, metric: "attention/decoder.blocks.*/prefix_matching", take: max}
//   checks:
//     two_layers_match: {says: "prefix matching, two layers", published: "near 1", value: two, at_least: 0.9}
//     one_layer_does_not: {says: "with one layer", published: "near 0", value: one, at_most: 0.2}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fields.h"

namespace transformlet {

// One training run for each seed, or one for each seed and value of the key that is swept.
struct FindingRun {
  std::string config;
  std::vector<std::string> set;  // overrides
  std::string sweep;             // a key of the config; empty: none
  std::vector<int64_t> over;     // its values

  void describe(Fields& field);
};

// A number for each seed, read from a run's metrics.
struct FindingMeasure {
  std::string run, metric, among = "largest", take = "last";
  std::optional<double> level, from_level;
  int64_t from_step = 0;
  double times = 1;

  void describe(Fields& field);
};

// What must be so of a measure, or of a difference or a ratio of two.
struct FindingCheck {
  std::string says, published, value, minus, divided_by;
  std::optional<double> at_least, at_most;

  void describe(Fields& field);
};

struct PublishedFinding {
  std::string title, source, claim;
  int64_t seeds = 3;
  std::vector<std::pair<std::string, FindingRun>> runs;
  std::vector<std::pair<std::string, FindingMeasure>> measures;
  std::vector<std::pair<std::string, FindingCheck>> checks;

  void describe(Fields& field);
  const FindingRun& run(const std::string& name) const;
  const FindingMeasure& measure(const std::string& name) const;
};

}  // namespace transformlet
