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

// Two batches as they are given, and a model whose answer to an id is the id.
struct Given : Task {
  std::vector<Batch> batches;
  std::optional<double> best = {};

  void describe(Fields&) override {}
  void prepare(uint64_t) override {}
  ModelSizes sizes() const override { return {}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split) const override { return static_cast<int64_t>(batches.size()); }
  Batch batch(Split, const std::vector<int64_t>& examples) const override {
    return batches[static_cast<size_t>(examples[0])];
  }
  std::optional<double> best_loss(const Batch&) const override { return best; }
};

struct Echo : Model {
  Tensor operator()(const ModelInputs& inputs, const Pass&) const override {
    return one_hot(inputs.ids, 4, DType::float64);
  }
  std::vector<NamedLayer> layers() const override { return {}; }
};

Score echo_score(const Given& task) { return evaluate(Echo(), task, Split::test, 1); }

constexpr int32_t none = CrossEntropyOptions().ignored;

TEST(Evaluation, ASequenceIsRightIfAllItsTargetsAre) {
  Given task;
  // Right; wrong at one place; wrong where nothing counts; nothing counts at all.
  task.batches.push_back({.inputs = Tokens({1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}, {4, 3}),
                          .targets = Tokens({1, 2, 3, 1, 2, 0, 1, none, 3, none, none, none}, {4, 3})});
  task.batches.push_back(
      {.inputs = Tokens({0, 0, 0, 2, 2, 2}, {2, 3}), .targets = Tokens({0, 0, none, none, 1, 1}, {2, 3})});
  const Score score = echo_score(task);
  EXPECT_EQ(score.positions, 12);
  EXPECT_EQ(score.correct, 9);
  EXPECT_EQ(score.sequences, 5);
  EXPECT_EQ(score.sequences_correct, 3);
  EXPECT_EQ(score.sequence_accuracy(), 0.6);
  EXPECT_EQ(accuracy_in_words(score), "9/12 positions right, 3/5 sequences, accuracy 0.75");
}

TEST(Evaluation, SequencesAreCountedWhereTheyAreAnswers) {
  const Batch batch{.inputs = Tokens({1, 2, 3, 1, 2, 3}, {2, 3}), .targets = Tokens({1, 2, 3, 1, 2, 0}, {2, 3})};
  Given task;
  task.batches = {batch};
  EXPECT_EQ(echo_score(task).sequence_accuracy(), 0.5);
  task.best = 0;
  EXPECT_EQ(echo_score(task).sequence_accuracy(), 0.5);
  task.best = 0.1;  // nobody can know all targets
  EXPECT_FALSE(echo_score(task).sequence_accuracy().has_value());
  EXPECT_EQ(accuracy_in_words(echo_score(task)), "5/6 positions right, accuracy 0.8333333333333334");
  task.best = {};
  task.batches[0].target_bytes = 6;  // a piece of a text
  EXPECT_FALSE(echo_score(task).sequence_accuracy().has_value());
  // One target each, of a sequence or of a place in it: their accuracy is that of the positions.
  task.batches[0] = {.inputs = Tokens({1, 2}, {2}), .targets = Tokens({1, 3}, {2})};
  EXPECT_EQ(echo_score(task).sequences_correct, 1);
  EXPECT_FALSE(echo_score(task).sequence_accuracy().has_value());
  task.batches[0] = {.inputs = batch.inputs, .targets = Tokens({none, 2, none, none, 1, none}, {2, 3})};
  EXPECT_EQ(echo_score(task).sequences_correct, 1);
  EXPECT_FALSE(echo_score(task).sequence_accuracy().has_value());
}

}  // namespace
}  // namespace transformlet
