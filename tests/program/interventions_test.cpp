// Interventions, frozen and edited weights, corrupted inputs and ensembles, from configs and the command line.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

class Interventions : public testing::Test {
 protected:
  Interventions() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome train(const std::string& name, const Arguments& overrides = {}) const {
    Arguments arguments = {"train", "small.yaml", "--run", name};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_program(folder.path, arguments);
  }
  // What `evaluate` prints, and what it writes.
  std::string evaluated(Arguments arguments) {
    arguments.insert(arguments.begin(), "evaluate");
    arguments.insert(arguments.end(), {"train.threads=1"});
    arguments.insert(arguments.begin() + 1, {"--json", "out.json"});
    const Outcome outcome = run_program(folder.path, arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    if (outcome.status == 0) json = nlohmann::json::parse(bytes_of_file(folder.path / "out.json"));
    return outcome.out;
  }
  void refuses(const Arguments& arguments, const std::string& what) const {
    const Outcome outcome = run_program(folder.path, arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  }

  TemporaryFolder folder;
  nlohmann::json json;
};

TEST_F(Interventions, JudgeATrainedRun) {
  ASSERT_EQ(train("a").status, 0);
  ASSERT_EQ(train("b", {"seed=7", "train.max_steps=20"}).status, 0);
  const std::string a = evaluated({"a"}), b = evaluated({"b"});
  EXPECT_NE(a, b);
  EXPECT_EQ(evaluated({"a", "interventions=[{kind: scale, at: ['*.heads']}]"}), a);
  EXPECT_NE(evaluated({"a", "interventions=[{at: [encoder.blocks.0.attention.heads], heads: [1]}]"}), a);
  evaluated({"a", "interventions=[{at: [logits]}]"});
  EXPECT_NEAR(json.at("loss").get<double>(), std::log(5), 1e-6);  // float32 of five equal classes
  EXPECT_NEAR(json.at("calibration/2/confidence").get<double>(), 0.2, 1e-12);
  const std::string patched = evaluated({"a", "interventions=[{kind: patch, at: [logits], from: b}]"});
  EXPECT_EQ(patched.substr(patched.find(':')), b.substr(b.find(':')));
  // An earlier checkpoint of the same run.
  const std::string early = evaluated({"a", "--checkpoint", "10"});
  const std::string from = evaluated({"a", "interventions=[{kind: patch, at: [logits], from: a/checkpoints/step-10}]"});
  EXPECT_EQ(from.substr(from.find(':')), early.substr(early.find(':')));
}

TEST_F(Interventions, CorruptedInputsAndTheirRestoration) {
  ASSERT_EQ(train("a").status, 0);
  evaluated({"a"});
  const double clean_loss = json.at("loss");
  evaluated({"a", "evaluate.corrupt=0.5"});
  EXPECT_GT(json.at("loss").get<double>(), clean_loss);
  const std::string patch = "interventions=[{kind: patch, at: [encoder.blocks.0.input]}]";
  evaluated({"a", "evaluate.corrupt=0.5", patch});
  EXPECT_EQ(json.at("loss"), clean_loss);
  refuses({"evaluate", "a", patch}, "a patch needs a run to take from, or an evaluate.corrupt above 0");
}

// A model of sinusoidal positions is asked for other lengths than it was trained on.
TEST_F(Interventions, OtherLengths) {
  ASSERT_EQ(train("a", {"model.position=sinusoidal"}).status, 0);
  evaluated({"a", "task.seq_len=8"});
  EXPECT_EQ(json.at("positions"), 50 * 8);
}

TEST_F(Interventions, SeveralRunsAndDropout) {
  ASSERT_EQ(train("a").status, 0);
  ASSERT_EQ(train("b", {"seed=8"}).status, 0);
  // The same questions for both: the data are a function of the seed.
  evaluated({"a"});
  const double a = json.at("loss");
  evaluated({"b", "seed=7"});
  const double b = json.at("loss");
  const std::string both = evaluated({"a", "b", "seed=7"});
  EXPECT_TRUE(both.starts_with("test by 2 runs: ")) << both;
  EXPECT_LT(json.at("loss").get<double>(), (a + b) / 2);  // Jensen: -log is convex
  evaluated({"a", "a"});
  EXPECT_NEAR(json.at("loss").get<double>(), a, 1e-6);  // float32
  const std::string sampled = evaluated({"a", "--dropout-samples", "3"});
  EXPECT_NE(sampled.find("(3 dropout samples)"), std::string::npos) << sampled;
  EXPECT_NE(json.at("loss").get<double>(), a);
  EXPECT_EQ(evaluated({"a", "--dropout-samples", "3"}), sampled);
  ASSERT_EQ(train("c", {"task.num_symbols=4"}).status, 0);
  refuses({"evaluate", "a", "c"}, "evaluate: c has another task than the first run: 4 ids and 4 classes, not 5 and 5");
}

// Freezing, edits and interventions in training: a run in two parts is the whole, to the bit.
TEST_F(Interventions, ResumingGivesTheSameBits) {
  ASSERT_EQ(train("other").status, 0);
  const Arguments all = {
      "schedule={name: constant}",
      "evaluate.every=0",
      "train.ema_decay=0.9",
      "freeze=['encoder.blocks.0.attention.*']",
      "edits=[{at: [head.out.bias], kind: set, value: 0.25}, {at: ['*.gain'], kind: scale, factor: 0.5, step: 20}, "
      "{at: [head.out.weight], kind: copy, from: other, step: 40}]",
      "interventions=[{kind: resample, at: ['*.heads'], heads: [0]}, {kind: patch, at: [encoder.blocks.1.middle], "
      "positions: [-1], from: other}]"};
  const Outcome whole = train("whole", all);
  ASSERT_EQ(whole.status, 0) << whole.err;
  std::filesystem::copy(folder.path / "whole", folder.path / "parts",
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  for (const char* const step : {"30", "40", "50", "60"}) {
    std::filesystem::remove_all(folder.path / "parts" / "checkpoints" / (std::string("step-") + step));
  }
  const Outcome resumed = run_program(folder.path, {"train", "--resume", "parts"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("after step 20"), std::string::npos) << resumed.err;
  expect_equal(bits_of(folder.path / "whole"), bits_of(folder.path / "parts"));
  refuses({"train", "--resume", "parts", "train.max_steps=70", "edits=[]"},
          "the run has done 60 steps; --resume can change later edits only");
  EXPECT_EQ(run_program(folder.path, {"train", "--resume", "parts", "train.max_steps=70", "freeze=[]"}).status, 0);
}

TEST_F(Interventions, SayWhatIsWrong) {
  const auto refuses_config = [&](const std::string& override, const std::string& what) {
    refuses({"train", "small.yaml", override}, what);
  };
  refuses_config("interventions=[{at: [logit]}]",
                 "interventions[0].at: 'logit' matches no activation of the model; near are logits, ");
  refuses_config("interventions=[{kind: zero}]", "interventions[0].at: required key is missing");
  refuses_config("interventions=[{at: [logits], factor: 2}]", "interventions[0].factor: only scale has a factor");
  refuses_config("interventions=[{at: [logits], from: a}]", "interventions[0].from: only patch takes from a run");
  refuses_config("interventions=[{at: [logits], kind: patch, from: nowhere}]",
                 "nowhere is no run and no checkpoint of one");
  refuses_config("freeze=[encoder.block.*]", "freeze: 'encoder.block.*' matches no parameter; near are ");
  refuses_config("edits=[{at: [head.out.bias], kind: copy}]", "edits[0].from: copy takes from here, and only it");
  EXPECT_FALSE(std::filesystem::exists(folder.path / "runs"));
}

}  // namespace
}  // namespace transformlet
