// Which examples are evaluated.
#include "train/evaluation.h"

#include <gtest/gtest.h>

#include <set>

#include "train/config/reader.h"

namespace transformlet {
namespace {

ExperimentConfig config_with(const std::vector<std::string>& overrides) {
  return read_config_text<ExperimentConfig>(
      "c.yaml", "task: {name: reverse, num_symbols: 5, seq_len: 6, train_size: 64, val_size: 50, test_size: 20}\n",
      overrides);
}

std::vector<int64_t> validated(const std::string& examples, const std::string& seed = "42") {
  return evaluated_examples(config_with({"evaluate.examples=" + examples, "seed=" + seed}), Split::validation);
}

TEST(Evaluation, AFixedSubsetIsAFunctionOfTheSeed) {
  const std::vector<int64_t> some = validated("8");
  EXPECT_EQ(some.size(), 8U);
  EXPECT_EQ(std::set<int64_t>(some.begin(), some.end()).size(), 8U);
  EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
  EXPECT_GE(some.front(), 0);
  EXPECT_LT(some.back(), 50);
  EXPECT_EQ(validated("8"), some);
  EXPECT_NE(validated("8", "43"), some);
  EXPECT_NE(some, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// Each of the 50 is as likely to be one of the 10: over 2000 seeds 400 times, with a deviation of 18.
TEST(Evaluation, EveryExampleIsEquallyLikely) {
  std::vector<int> times(50);
  for (int seed = 0; seed < 2000; ++seed) {
    for (const int64_t example : validated("10", std::to_string(seed))) ++times[static_cast<size_t>(example)];
  }
  for (const int count : times) EXPECT_NEAR(count, 400, 5 * 18);
}

TEST(Evaluation, AllOfAllOtherSplits) {
  const ExperimentConfig config = config_with({"evaluate.examples=8"});
  EXPECT_EQ(evaluated_examples(config, Split::test).size(), 20U);
  EXPECT_EQ(evaluated_examples(config, Split::train).size(), 64U);
  EXPECT_EQ(evaluated_examples(config_with({}), Split::validation).size(), 50U);
  EXPECT_EQ(validated("50"), all_examples(*config.task, Split::validation));
}

// A subset's score is that of its examples: those of two halves add up to that of the whole.
TEST(Evaluation, ScoresAddUp) {
  ExperimentConfig config = config_with({"train.dtype=float64"});
  const Experiment experiment(config);
  const auto score = [&](const std::vector<int64_t>& examples, int64_t batch_size) {
    return evaluate(*experiment.model, experiment.task, Split::validation, examples, batch_size);
  };
  const std::vector<int64_t> all = all_examples(experiment.task, Split::validation);
  const Score whole = evaluate(*experiment.model, experiment.task, Split::validation, 7);
  const Score first = score({all.begin(), all.begin() + 20}, 7), rest = score({all.begin() + 20, all.end()}, 50);
  EXPECT_EQ(whole.positions, 300);
  EXPECT_EQ(first.positions, 120);
  EXPECT_EQ(first.correct + rest.correct, whole.correct);
  EXPECT_NEAR(first.loss_sum + rest.loss_sum, whole.loss_sum, 1e-10);  // 300 losses of about 2, rounded to 1e-16
}

}  // namespace
}  // namespace transformlet
