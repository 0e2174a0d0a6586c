// Bugs of ten kinds in the derivative of every op, in the first of its samples: none may pass.
#include <gtest/gtest.h>

#include "tests/autograd/mutant_run.h"

namespace transformlet::mutants {
namespace {

TEST(Mutants, InTheFirstSampleOfEachOpAreCaught) {
  MutantRun run(false);
  std::set<std::string> seen;
  for (const OpSample& sample : small_samples()) {
    if (seen.insert(sample.op).second) run.run(sample);
  }
  for (const OpSample& sample : valid_samples()) EXPECT_TRUE(seen.contains(sample.op)) << sample.op;
  for (int kind = 0; kind < kinds; ++kind) {
    const Tally total = run.table.total(static_cast<Kind>(kind));
    EXPECT_GT(total.to_be_caught(), 0) << kind_names[kind];
    EXPECT_EQ(total.caught, total.to_be_caught()) << kind_names[kind];
  }
}

}  // namespace
}  // namespace transformlet::mutants
