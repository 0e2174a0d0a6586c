// What a training step sees: its batch and its dropout. The learning rate is so small that the weights never change;
// then the loss of a step tells which examples it was given, and whether its masks were its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/program/program_tools.h"
#include "train/config/reader.h"
#include "train/evaluation.h"
#include "train/experiment.h"

namespace transformlet {
namespace {

constexpr const char* still_config = R"(
task: {name: sort, num_symbols: 10, seq_len: 8, train_size: 12, val_size: 0, test_size: 0}
model: {num_layers: 1, num_heads: 2, d_model: 8, d_ff: 16}
optimizer: {name: sgd, learning_rate: 1.0e-30}
train: {max_steps: 36, batch_size: 1, log_every: 1}
)";

class Steps : public testing::Test {
 protected:
  // The loss of every step.
  std::vector<double> losses(const Arguments& overrides = {}) const {
    const TemporaryFolder folder;
    write_bytes(folder.path / "still.yaml", still_config);
    Arguments arguments = {"train", "still.yaml", "--run", "run"};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const Outcome outcome = run_program(folder.path, arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::vector<double> result;
    for (const std::string& line : lines_of(metrics_of(folder.path / "run"))) {
      result.push_back(nlohmann::json::parse(line).at("train/loss").get<double>());
    }
    return result;
  }

  static std::vector<double> sorted(std::vector<double> values, size_t begin, size_t end) {
    std::sort(values.begin() + static_cast<long>(begin), values.begin() + static_cast<long>(end));
    return {values.begin() + static_cast<long>(begin), values.begin() + static_cast<long>(end)};
  }
};

TEST_F(Steps, EachEpochTakesEveryExampleOnceInAnOrderOfItsOwn) {
  const std::vector<double> loss = losses();
  ASSERT_EQ(loss.size(), 36u);
  const std::vector<double> first = sorted(loss, 0, 12);
  EXPECT_EQ(std::set<double>(first.begin(), first.end()).size(), 12u) << "the examples can't be told apart";
  for (const size_t epoch : {1, 2}) {
    EXPECT_EQ(sorted(loss, 12 * epoch, 12 * epoch + 12), first);
    EXPECT_FALSE(std::equal(loss.begin(), loss.begin() + 12, loss.begin() + static_cast<long>(12 * epoch)));
  }
}

// The examples and their order are those of the seed: the losses are computed again, from the same seed, in this
// process.
TEST_F(Steps, TheOrderIsAFunctionOfTheSeed) {
  std::set<std::vector<int64_t>> orders;
  for (const uint64_t seed : {1, 2}) {
    const std::vector<double> loss = losses({fmt::format("seed={}", seed)});
    ASSERT_EQ(loss.size(), 36u);
    auto config = read_config_text<ExperimentConfig>("still.yaml", still_config, {fmt::format("seed={}", seed)});
    const Experiment experiment(config);
    DataOrder order(seed, 12, 1);
    std::vector<int64_t> examples;
    const NoRecording off;
    for (int64_t step = 0; step < 36; ++step) {
      const int64_t example = order.examples(step).at(0);
      examples.push_back(example);
      const Batch batch = experiment.task.batch(Split::train, {example});
      const Tensor logits = (*experiment.model)(batch.inputs, batch.mask, Pass::evaluation());
      EXPECT_NEAR(loss[static_cast<size_t>(step)], cross_entropy(logits, batch.targets).item() / 8, 1e-6) << step;
    }
    orders.insert(examples);
  }
  EXPECT_EQ(orders.size(), 2u) << "two seeds have the same order";
}

TEST_F(Steps, EachHasDropoutOfItsOwn) {
  const auto different = [&](const Arguments& overrides) {
    Arguments arguments = {"task.train_size=1", "train.max_steps=20"};  // every step sees the same example
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const std::vector<double> loss = losses(arguments);
    EXPECT_EQ(loss.size(), 20u);
    return std::set<double>(loss.begin(), loss.end()).size();
  };
  EXPECT_EQ(different({}), 1u);
  EXPECT_EQ(different({"model.dropout=0.5"}), 20u);
  EXPECT_GT(different({"model.input_dropout=0.5"}), 15u);
}

}  // namespace
}  // namespace transformlet
