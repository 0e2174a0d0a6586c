// Training that ends early because val/loss has not become better for too long.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/checkpoint.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class EarlyStopping : public testing::Test {
 protected:
  EarlyStopping() { write_bytes(folder.path / "small.yaml", small_config); }

  // With steps so large, val/loss goes up and down.
  Outcome train(const std::string& name, const Arguments& more = {}) const {
    Arguments arguments = {"train",
                           "small.yaml",
                           "--run",
                           name,
                           "optimizer.learning_rate=0.05",
                           "train.max_steps=400",
                           "evaluate.every=3",
                           "evaluate.patience=3",
                           "checkpoint.keep_last=2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(folder.path, arguments);
  }

  // Step and val/loss of every evaluation.
  std::vector<std::pair<int64_t, double>> evaluations(const std::string& name) const {
    std::vector<std::pair<int64_t, double>> result;
    for (const std::string& line : lines_of(metrics_of(folder.path / name))) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains("val/loss")) result.emplace_back(json.at("step"), json.at("val/loss"));
    }
    return result;
  }

  TemporaryFolder folder;
};

TEST_F(EarlyStopping, KeepsTheBestCheckpointAndTests) {
  const Outcome outcome = train("run");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto losses = evaluations("run");
  const auto best = std::ranges::min_element(losses, {}, &std::pair<int64_t, double>::second);
  EXPECT_EQ(losses.end() - best, 1 + 3) << "three evaluations after the best one";
  const int64_t last = losses.back().first;
  EXPECT_LT(last, 400);
  const std::string note = fmt::format(
      "stopped early after step {}: val/loss was {:.5g} at best, 3 evaluations ago; "
      "transformlet evaluate run --checkpoint best",
      last, best->second);
  EXPECT_NE(outcome.err.find(note), std::string::npos) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("test: ")) << outcome.out;
  EXPECT_EQ(nlohmann::json::parse(lines_of(metrics_of(folder.path / "run")).back()).count("test/loss"), 1U);

  EXPECT_EQ(fs::read_symlink(folder.path / "run/checkpoints/best"), fmt::format("step-{}", best->first));
  EXPECT_EQ(load_checkpoint(folder.path / "run/checkpoints/best").val_loss, best->second);
  EXPECT_EQ(list_checkpoints(folder.path / "run").back().step, last);
  std::vector<std::string> events;
  for (const std::string& line : lines_of(bytes_of_file(folder.path / "run/events.jsonl"))) {
    events.push_back(nlohmann::json::parse(line).at("event"));
  }
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(std::vector<std::string>(events.end() - 3, events.end()),
            (std::vector<std::string>{"stopped_early", "saved", "finished"}));
}

TEST_F(EarlyStopping, AResumedRunEndsAtTheSameStepWithTheSameBits) {
  ASSERT_EQ(train("run", {"checkpoint.keep_last=null"}).status, 0);
  const auto whole = bits_of(folder.path / "run");
  const std::vector<StoredCheckpoint> stored = list_checkpoints(folder.path / "run");
  ASSERT_GE(stored.size(), 3U);
  for (size_t kept = stored.size(); kept-- > 0;) {
    for (size_t later = kept; later < stored.size(); ++later) fs::remove_all(stored[later].folder);
    const Outcome resumed = run_program(folder.path, {"train", "--resume", "run"});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    const auto again = bits_of(folder.path / "run");
    EXPECT_EQ(again.size(), whole.size());
    for (const auto& [name, bytes] : whole) EXPECT_TRUE(again.contains(name) && again.at(name) == bytes) << name;
  }
}

TEST_F(EarlyStopping, IsFinishedUnlessMorePatienceIsAskedFor) {
  ASSERT_EQ(train("run").status, 0);
  const int64_t last = evaluations("run").back().first;
  const Outcome again = run_program(folder.path, {"train", "--resume", "run"});
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.err, fmt::format("nothing left to do for run after step {}\n", last));
  const Outcome on = run_program(
      folder.path, {"train", "--resume", "run", "evaluate.patience=null", fmt::format("train.max_steps={}", last + 5)});
  EXPECT_EQ(on.status, 0);
  EXPECT_EQ(lines_of(on.err).front(), fmt::format("resuming run after step {}", last));
  EXPECT_EQ(evaluations("run").back().first, last + 5);
}

// The run that ends early is the run that does not, cut short.
TEST_F(EarlyStopping, ChangesNothingBeforeItsEnd) {
  ASSERT_EQ(train("early").status, 0);
  ASSERT_EQ(train("whole", {"evaluate.patience=null", "train.max_steps=400"}).status, 0);
  const auto early = evaluations("early"), whole = evaluations("whole");
  ASSERT_GT(whole.size(), early.size());
  EXPECT_TRUE(std::equal(early.begin(), early.end(), whole.begin()));
}

// val/loss is that of the subset, in training and when it is asked for again.
TEST_F(EarlyStopping, EvaluatesAFixedSubset) {
  const Arguments subset = {"evaluate.examples=8", "train.max_steps=10", "evaluate.patience=null"};
  ASSERT_EQ(train("some", subset).status, 0);
  ASSERT_EQ(train("all", {"train.max_steps=10", "evaluate.patience=null"}).status, 0);
  EXPECT_NE(evaluations("some"), evaluations("all"));
  const Outcome outcome = run_program(folder.path, {"evaluate", "some", "--split", "val"});
  EXPECT_NE(outcome.out.find("/48 positions right"), std::string::npos) << outcome.out;  // 8 strings of 6 symbols
  EXPECT_NE(outcome.out.find(fmt::format("loss {} (at best 0)\n", evaluations("some").back().second)),
            std::string::npos)
      << outcome.out;
  const Outcome full = run_program(folder.path, {"evaluate", "some", "--split", "val", "evaluate.examples=null"});
  EXPECT_NE(full.out.find(fmt::format("loss {} (at best 0)\n", evaluations("all").back().second)), std::string::npos)
      << full.out;
}

}  // namespace
}  // namespace transformlet
