// Bugs of ten kinds in the derivative of every op, in all small samples: the gradient checker has to see all that
// change a gradient, entry by entry and by directions.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/autograd/mutant_run.h"

namespace transformlet::mutants {
namespace {

void expect_every_op_was_wrong(const MutantRun& run) {
  std::set<std::string> in_graphs;
  for (const OpSample& sample : small_samples()) {
    const std::set<std::string> ops = ops_of(sample, small_inputs(sample));
    in_graphs.insert(ops.begin(), ops.end());
  }
  EXPECT_GE(in_graphs.size(), 40u);
  EXPECT_EQ(run.planted_in, in_graphs);
  for (const OpSample& sample : valid_samples()) {
    ASSERT_TRUE(run.table.rows().contains(sample.op)) << sample.op << " has no small sample";
    const std::map<Kind, Tally>& row = run.table.rows().at(sample.op);
    for (const Kind kind : {factor_2, wrong_sign, row_dropped, input_dropped, off_by_one, one_entry}) {
      EXPECT_GT(row.at(kind).to_be_caught(), 0) << sample.op << ": " << kind_names[kind];
    }
  }
}

// Every op that leaves something out: how often that was forgotten.
void expect_masks_were_ignored(const Table& table) {
  const std::map<std::string, int64_t> at_least = {{"where", 4},
                                                   {"max", 2},
                                                   {"maximum", 12},
                                                   {"gate", 1},
                                                   {"relu", 1},
                                                   {"dropout", 2},
                                                   {"cross_entropy", 3},
                                                   {"scaled_dot_product_attention", 11},
                                                   {"attention_with_weights", 10},
                                                   {"multihead_attention", 3},
                                                   {"packed_attention", 3}};
  for (const auto& [op, count] : at_least) {
    EXPECT_GE(table.rows().at(op).at(mask_ignored).to_be_caught(), count) << op;
  }
}

TEST(MutantsSlow, ThatChangeAGradientAreCaught) {
  MutantRun run(true);
  for (const OpSample& sample : small_samples()) run.run(sample);
  std::cout << run.table;

  int64_t others = 0, seen = 0;
  for (int k = 0; k < kinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    const Tally total = run.table.total(kind);
    EXPECT_GT(total.to_be_caught(), 0) << kind_names[kind];
    EXPECT_EQ(total.caught, total.to_be_caught()) << kind_names[kind];
    if (kind == one_entry) continue;
    others += total.to_be_caught();
    seen += total.caught_by_directions;
  }
  EXPECT_GE(static_cast<double>(seen), 0.99 * static_cast<double>(others));
  expect_every_op_was_wrong(run);
  expect_masks_were_ignored(run.table);

  // As many as were missed, or more, should come about once in a thousand runs at least, if the chances are true.
  const Tally single = run.table.total(one_entry);
  const int64_t missed = single.to_be_caught() - single.caught_by_directions;
  std::cout << "\n1 % of one entry, by directions: " << missed << " missed, by the stated chances at most "
            << run.chance_of_missing << " in the mean\n";
  EXPECT_GE(probability_of_as_many(missed, run.chance_of_missing), 1e-3);
}

// With one direction and a tolerance so wide that errors in one entry hide in it, about as many as stated do.
TEST(MutantsSlow, DirectionsMissAsManyErrorsAsTheySay) {
  double expected = 0;
  int64_t missed = 0, planted = 0;
  for (const OpSample& sample : small_samples()) {
    if (sample.name != "matrix" || sample.inputs.size() != 1) continue;
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const GradcheckOptions loose{.rtol = 1e-3, .resolution = 0.1, .fast_mode = true, .directions = 1, .seed = seed};
      const TensorList inputs = small_inputs(sample, seed), right = gradient_of(sample.call, inputs, seed);
      const GradcheckResult unmutated = gradcheck(sample.call, inputs, loose);
      for (const Mutant& mutant : Planter(sample.call, sample.op, inputs).mutants()) {
        if (mutant.kind != one_entry) continue;
        const TensorList wrong = gradient_of(mutant.function, inputs, seed);
        const double chance = MutantRun::chance(unmutated, right, wrong, loose.directions);
        if (chance == 0 || chance == 1) continue;  // nothing is left to chance
        expected += chance;
        ++planted;
        missed += !some_row_failed(gradcheck(mutant.function, inputs, loose));
      }
    }
  }
  std::cout << planted << " planted, " << expected << " misses expected at most, " << missed << " missed\n";
  EXPECT_GE(planted, 3000);
  EXPECT_GE(probability_of_as_many(missed, expected), 1e-3);
  // The bound on a normal number is nearly reached where it is small, so a chance stated much too high would show too.
  EXPECT_GE(static_cast<double>(missed), 0.7 * expected);
}

}  // namespace
}  // namespace transformlet::mutants
