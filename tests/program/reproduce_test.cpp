// Findings from files: trained, judged, and written to a page.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

// The loss falls, in six steps on two widths.
constexpr const char* finding = R"(
title: Learning
source: everybody
claim: Losses fall.
seeds: 2
runs:
  one: {config: ../small.yaml, set: [train.max_steps=6, evaluate.every=0, checkpoint.every=3]}
  widths: {config: ../small.yaml, set: [train.max_steps=3], sweep: model.d_ff, over: [16, 32]}
measures:
  before: {run: one, metric: train/loss, take: first}
  after: {run: one, metric: train/loss}
  slope: {run: widths, metric: train/l*}
checks:
  falls: {says: it falls by, published: something, value: before, minus: after, at_least: 0}
  width: {says: exponent of the width, published: little, value: slope, at_least: -0.5, at_most: 0.5}
)";

class Reproduce : public testing::Test {
 protected:
  Reproduce() {
    write_bytes(folder.path / "small.yaml", small_config);
    std::filesystem::create_directory(folder.path / "findings");
    write_bytes(folder.path / "findings" / "learning.yaml", finding);
  }

  Outcome reproduce(const Arguments& more = {}) const {
    Arguments arguments = {"reproduce", "--folder", "findings", "--page", "page.md"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(folder.path, arguments);
  }

  TemporaryFolder folder;
};

TEST_F(Reproduce, TrainsJudgesAndWrites) {
  const Outcome outcome = reproduce();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("learning: Learning (reproduced)\n  it falls by: "), std::string::npos) << outcome.out;
  const std::string page = bytes_of_file(folder.path / "page.md");
  EXPECT_NE(page.find("| checked | published | reached, 2 seeds | asked | |"), std::string::npos) << page;
  EXPECT_EQ(number_of_entries(folder.path / "runs" / "findings" / "learning"), 6u);
  // The seeds are those of the runs, and the swept key is too.
  const std::string config = bytes_of_file(folder.path / "runs/findings/learning/widths-16-seed2/config.yaml");
  EXPECT_NE(config.find("seed: 2\n"), std::string::npos);
  EXPECT_NE(config.find("d_ff: 16\n"), std::string::npos);

  // What is there is not trained again.
  const auto runs = folder.path / "runs" / "findings" / "learning";
  const auto before = bits_of(runs / "one-seed1");
  EXPECT_EQ(reproduce({"learning"}).status, 0);
  EXPECT_EQ(bits_of(runs / "one-seed1"), before);
  EXPECT_EQ(bytes_of_file(folder.path / "page.md"), page);

  // A run that was cut short goes on.
  std::filesystem::remove_all(runs / "one-seed1" / "checkpoints" / "step-6");
  EXPECT_EQ(reproduce().status, 0);
  expect_equal(bits_of(runs / "one-seed1"), before);

  // Runs of another config are not taken for these.
  std::string other = finding;
  other.replace(other.find("max_steps=6"), 11, "max_steps=9");
  write_bytes(folder.path / "findings" / "learning.yaml", other);
  const Outcome refused = reproduce();
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("one-seed1 was made from another config; remove it to train it anew\n"), std::string::npos)
      << refused.err;
}

TEST_F(Reproduce, SaysWhatDoesNotHold) {
  std::string wrong = finding;
  wrong.replace(wrong.find("at_least: 0"), 11, "at_least: 9");
  write_bytes(folder.path / "findings" / "learning.yaml", wrong);
  const Outcome outcome = reproduce({"--seeds", "1"});
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_NE(outcome.out.find("learning: Learning (NOT reproduced)\n"), std::string::npos) << outcome.out;
  EXPECT_NE(bytes_of_file(folder.path / "page.md").find("**does not hold**"), std::string::npos);
}

TEST_F(Reproduce, RefusesBeforeItTrains) {
  EXPECT_EQ(reproduce({"lerning"}).err, "reproduce: there is no finding 'lerning'; there are learning\n");
  EXPECT_EQ(run_program(folder.path, {"reproduce", "--folder", "none"}).err,
            "reproduce: there is no folder none with findings\n");
  std::string wrong = finding;
  wrong.replace(wrong.find("sweep: model.d_ff"), 17, "sweep: model.d_fff");
  write_bytes(folder.path / "findings" / "learning.yaml", wrong);
  const Outcome outcome = reproduce();
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err,
            "override 'model.d_fff=16': model.d_fff: unknown key where kind is encoder (did you mean d_ff?)\n");
  EXPECT_FALSE(std::filesystem::exists(folder.path / "runs"));
}

}  // namespace
}  // namespace transformlet
