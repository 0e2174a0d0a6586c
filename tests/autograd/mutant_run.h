// Plants all kinds of bugs in samples of the catalogue, and asks the gradient checker for each.
#pragma once

#include <gtest/gtest.h>

#include "tests/autograd/mutant_reasons.h"
#include "tests/autograd/mutant_table.h"

namespace transformlet::mutants {

// Valid samples with so few entries in their inputs that each can be checked.
inline std::vector<OpSample> small_samples() {
  std::vector<OpSample> small;
  for (const OpSample& sample : valid_samples()) {
    int64_t entries = 0;
    for (const Shape& shape : sample.inputs) entries += shape.size();
    if (entries <= 300) small.push_back(sample);
  }
  return small;
}

inline TensorList small_inputs(const OpSample& sample, uint64_t seed = 0) {
  // A cast from float64 to float64 is none.
  return random_inputs(sample, sample.op == "cast" ? DType::float32 : DType::float64, seed);
}

inline std::set<std::string> ops_of(const OpSample& sample, const TensorList& inputs) {
  std::set<std::string> ops;
  for (const NodePointer& node : ancestry(sample.call(inputs)).nodes) {
    if (!node->inputs.empty()) ops.insert(node->op);
  }
  return ops;
}

// Bugs in the nodes of the sample's op; of an op that is composed of others, in all of its parts.
inline std::vector<Mutant> mutants_of(const OpSample& sample, const TensorList& inputs) {
  std::set<std::string> ops = ops_of(sample, inputs);
  if (ops.contains(sample.op)) ops = {sample.op};
  std::vector<Mutant> mutants;
  for (const std::string& op : ops) {
    for (Mutant& mutant : Planter(sample.call, op, inputs).mutants()) mutants.push_back(std::move(mutant));
  }
  if (const auto unmasked = without_mask(sample)) {
    mutants.push_back({mask_ignored, sample.op, "mask", with_backward_of(sample.call, *unmasked)});
  }
  return mutants;
}

// By differences alone: the identities are no part of this.
inline bool some_row_failed(const GradcheckResult& result) {
  return std::any_of(result.rows.begin(), result.rows.end(),
                     [](const GradcheckRow& row) { return row.verdict == Verdict::fail; });
}

class MutantRun {
 public:
  explicit MutantRun(bool with_directions) : with_directions_(with_directions) {}

  void run(const OpSample& sample) {
    const TensorList inputs = small_inputs(sample), right = gradient_of(sample.call, inputs, 0);
    GradcheckResult unmutated;
    if (with_directions_) unmutated = gradcheck(sample.call, inputs, directional);
    for (const Mutant& mutant : mutants_of(sample, inputs)) {
      SCOPED_TRACE(
          fmt::format("{} {}: {} {}: {}", sample.op, sample.name, mutant.op, mutant.where, kind_names[mutant.kind]));
      const TensorList wrong = gradient_of(mutant.function, inputs, 0);
      const double change = relative_change(right, wrong);
      Tally& tally = table.at(sample.op, mutant.kind);
      ++tally.planted;
      if (change <= no_change) {
        ++tally.equivalent;
        const std::string reason = Explanation::of(sample.call, mutant, inputs, right, 0);
        EXPECT_NE(reason, "") << "a change of " << change << " that nothing explains";
        table.equivalent(sample.op, mutant.kind, reason);
        continue;
      }
      if (mutant.alter) planted_in.insert(mutant.op);
      const GradcheckResult result = gradcheck(mutant.function, inputs, full);
      EXPECT_TRUE(some_row_failed(result)) << "a change of " << change << " was not seen:\n" << result;
      EXPECT_EQ(result.verdict(), Verdict::fail);
      tally.caught += some_row_failed(result);
      if (!with_directions_) continue;
      tally.caught_by_directions += some_row_failed(gradcheck(mutant.function, inputs, directional));
      if (mutant.kind == one_entry) chance_of_missing += chance(unmutated, right, wrong, directional.directions);
    }
  }

  // The chance that no direction sees an error in a gradient, by what the rows say of 1 % in an entry of average size:
  // each direction's part of it grows as the error shrinks, at most in proportion. Of several tensors, the one where it
  // is seen best. Nothing is 1 % of a gradient of 0, so nothing excuses an error there.
  static double chance(const GradcheckResult& result, const TensorList& right, const TensorList& wrong,
                       int directions) {
    double least = 1;
    for (size_t i = 0; i < right.size(); ++i) {
      const double error = distance_between(right[i], wrong[i]);
      if (error == 0) continue;
      if (norm(right[i]) == 0) return 0;
      const double average = 0.01 * norm(right[i]) / std::sqrt(static_cast<double>(right[i].size()));
      least = std::min(least, result.rows[i].chance_of_missing * std::pow(std::max(1.0, average / error), directions));
    }
    return least;
  }

  static inline const GradcheckOptions full{.allow_unused = true};
  static inline const GradcheckOptions directional{.fast_mode = true, .allow_unused = true};

  Table table;
  std::set<std::string> planted_in;  // ops whose nodes have had a bug that changes a gradient
  double chance_of_missing = 0;      // the sum over all errors in one entry: how many may be missed

 private:
  const bool with_directions_;
};

// Chernoff's bound on the probability that of independent events, `expected` in the mean, `count` or more happen.
inline double probability_of_as_many(int64_t count, double expected) {
  const auto m = static_cast<double>(count);
  return m <= expected ? 1 : expected == 0 ? 0 : std::exp(m - expected + m * std::log(expected / m));
}

}  // namespace transformlet::mutants
