// The shipped config of reduced-rank regression finds the learning coefficients that are known.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

struct Sizes {
  int64_t inputs, hidden, outputs;
};

// Aoyagi and Watanabe 2005, theorem 1, for a true function of this rank.
double exact_coefficient(const Sizes& sizes, int64_t rank) {
  const auto m = static_cast<double>(sizes.inputs), h = static_cast<double>(sizes.hidden),
             n = static_cast<double>(sizes.outputs), r = static_cast<double>(rank);
  if (m + h < n + r) return (h * m - h * r + n * r) / 2;
  if (n + h < m + r) return (h * n - h * r + m * r) / 2;
  if (m + n < h + r) return m * n / 2;
  const bool is_odd = (sizes.inputs + sizes.hidden + sizes.outputs + rank) % 2 == 1;
  return (-(h + r) * (h + r) - m * m - n * n + 2 * (h + r) * m + 2 * (h + r) * n + 2 * m * n + (is_odd ? 1 : 0)) / 8;
}

// Where the bottleneck is as wide as the teacher's rank nothing is degenerate but the choice of a basis: half of
// h (m + n) - h^2 directions matter.
TEST(ReducedRankRegression, TheFormulaCountsRegularDirections) {
  EXPECT_EQ(exact_coefficient({5, 3, 5}, 3), (3 * 10 - 9) / 2.0);
  EXPECT_EQ(exact_coefficient({5, 3, 5}, 0), 6.5);
  EXPECT_EQ(exact_coefficient({5, 4, 5}, 0), 8);
  EXPECT_EQ(exact_coefficient({4, 3, 8}, 0), 6);
  EXPECT_EQ(exact_coefficient({8, 3, 4}, 0), 6);
  EXPECT_EQ(exact_coefficient({3, 8, 4}, 0), 6);
}

class ReducedRank : public testing::TestWithParam<Sizes> {};

// Of 1000 examples, not of infinitely many: the theory leaves out what grows slower than their logarithm. Reference
// implementations allow 40 %.
TEST_P(ReducedRank, IsFoundWithinAQuarter) {
  const auto [inputs, hidden, outputs] = GetParam();
  const double exact = exact_coefficient(GetParam(), 0);
  const TemporaryFolder folder;
  const Outcome outcome =
      run_program(folder.path, {"train", source_path("configs/study/reduced_rank_regression.yaml"), "--run", "run",
                                fmt::format("task.inputs={}", inputs), fmt::format("model.widths=[{}]", hidden),
                                fmt::format("task.outputs={}", outputs)});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto metrics = nlohmann::json::parse(lines_of(metrics_of(folder.path / "run")).back());
  EXPECT_NEAR(metrics.at("local_learning_coefficient/mean").get<double>(), exact, 0.25 * exact);
  EXPECT_LT(metrics.at("local_learning_coefficient/standard_error").get<double>(), 0.05 * exact);
  EXPECT_EQ(metrics.at("local_learning_coefficient/diverged"), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ReducedRank, testing::Values(Sizes{5, 3, 5}, Sizes{5, 4, 5}, Sizes{4, 3, 8}, Sizes{8, 3, 4}, Sizes{3, 8, 4}),
    [](const auto& info) { return fmt::format("{}_{}_{}", info.param.inputs, info.param.hidden, info.param.outputs); });

}  // namespace
}  // namespace transformlet
