// `transformlet find-lr`: its table, its suggestion, and that it makes no run.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

class FindLr : public testing::Test {
 protected:
  FindLr() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome find(const Arguments& more) const {
    Arguments arguments = {"find-lr", "small.yaml"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(folder.path, arguments);
  }

  void refuses(const Arguments& more, const std::string& message) const {
    const Outcome outcome = find(more);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

// The rates of the table's rows.
std::vector<double> rates_of(const std::string& out) {
  std::vector<double> rates;
  for (const std::string& line : lines_of(out)) {
    std::istringstream stream(line);
    double rate = 0, loss = 0, smoothed = 0;
    if (stream >> rate >> loss >> smoothed) rates.push_back(rate);
  }
  return rates;
}

// SGD without clipping: at a rate of 1e6 any network explodes, long after it has learned something.
const Arguments sgd = {"optimizer={name: sgd, learning_rate: 1}", "--from", "1e-4", "--to", "1e6"};

TEST_F(FindLr, SuggestsARateAndMakesNoRun) {
  const Outcome outcome = find(sgd);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("small.yaml: ")) << outcome.out;
  EXPECT_NE(outcome.out.find(" of 100 steps with learning rates from 0.0001 to 1000000, until the loss exploded\n"),
            std::string::npos)
      << outcome.out;
  const std::vector<double> rates = rates_of(outcome.out);
  ASSERT_GE(rates.size(), 10U) << outcome.out;
  EXPECT_LE(rates.size(), 21U);
  EXPECT_EQ(rates.front(), 1e-4);
  EXPECT_TRUE(std::is_sorted(rates.begin(), rates.end()));
  const std::string last = lines_of(outcome.out).back(), start = "suggestion: optimizer.learning_rate=";
  ASSERT_TRUE(last.starts_with(start)) << last;
  const double suggestion = std::stod(last.substr(start.size()));
  // Below, SGD hardly moves within so few steps; above, this network breaks down.
  EXPECT_GT(suggestion, 1e-3);
  EXPECT_LT(suggestion, 10);
  EXPECT_EQ(number_of_entries(folder.path), 1U);
  EXPECT_EQ(find(sgd).out, outcome.out);
}

// The schedule and the number of steps of the config have no say.
TEST_F(FindLr, TakesMoreStepsThanTheConfigHas) {
  Arguments words = sgd;
  words.push_back("train.max_steps=1");
  EXPECT_EQ(find(words).out, find(sgd).out);
}

TEST_F(FindLr, SaysWhyItSuggestsNothing) {
  const Outcome low = find({"--from", "1e-20", "--to", "1e-19", "train.batch_size=200", "model.dropout=0",
                            "model.input_dropout=0", "--steps", "20"});
  EXPECT_EQ(low.status, 0);
  EXPECT_TRUE(lines_of(low.out).back().starts_with("no suggestion: the loss did not fall")) << low.out;
}

TEST_F(FindLr, WrongWords) {
  refuses({"--from", "1", "--to", "0.1"}, "find-lr: --from and --to must be 0 < from < to <= 1e6, not 1 and 0.1");
  refuses({"--from", "0"}, "find-lr: --from and --to must be 0 < from < to <= 1e6, not 0 and 10");
  refuses({"--to", "inf"}, "find-lr: --from and --to must be 0 < from < to <= 1e6, not 1e-06 and inf");
  refuses(
      {"--steps", "19"},
      "transformlet find-lr: --steps: must be an integer of at least 20, not '19' (see transformlet find-lr --help)");
  refuses({"train.batch_sise=3"},
          "override 'train.batch_sise=3': train.batch_sise: unknown key (did you mean batch_size?)");
}

}  // namespace
}  // namespace transformlet
