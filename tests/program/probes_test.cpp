// Probes of a run from a config: what they leave, and that they change nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

class ProbesOfARun : public testing::Test {
 protected:
  ProbesOfARun() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome train(const std::string& name, const Arguments& overrides = {}) const {
    Arguments arguments = {"train", "small.yaml", "--run", name};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_program(folder.path, arguments);
  }
  std::vector<std::string> metrics(const std::string& name) const { return lines_of(metrics_of(folder.path / name)); }

  TemporaryFolder folder;
};

bool is_of_a_probe(const std::string& line) { return line.find("\"norms/") != line.npos; }

const Arguments with_probes = {"probes.norms.every=20", "probes.attention={steps: [0, 7], also: none}",
                               "probes.activations.steps=[7]", "probes.in_context.steps=[7]",
                               "probes.spectra={steps: [7], activations: [output, hidden, values], leading: 2}"};

TEST_F(ProbesOfARun, ChangeNothing) {
  ASSERT_EQ(train("plain").status, 0);
  const Outcome outcome = train("watched", with_probes);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(checkpoints_of(folder.path / "watched"), checkpoints_of(folder.path / "plain"));
  std::vector<std::string> lines = metrics("watched"), of_probes;
  for (const std::string& line : lines) {
    if (line.find("\"train/loss\"") == line.npos && line.find("\"test/loss\"") == line.npos) of_probes.push_back(line);
  }
  std::erase_if(lines, [&](const std::string& line) { return std::ranges::count(of_probes, line) > 0; });
  EXPECT_EQ(lines, metrics("plain"));
  ASSERT_EQ(of_probes.size(), 5u);  // after 0, 7, 20, 40 and 60 steps
  EXPECT_TRUE(of_probes[0].starts_with("{\"step\": 0, \"attention/encoder.blocks.0.attention.0/entropy\": "))
      << of_probes[0];
  EXPECT_NE(of_probes[0].find("\"norms/encoder.blocks.1.attention.qkv.weight/gradient\": "), std::string::npos);
  EXPECT_EQ(of_probes[0].find("update_ratio"), std::string::npos);  // nothing has been updated yet
  EXPECT_FALSE(is_of_a_probe(of_probes[1]));
  EXPECT_NE(of_probes[2].find("\"norms/encoder.blocks.1.attention.qkv.weight/update_ratio\": "), std::string::npos);
}

// Those that are for language models, of one that has dropout everywhere.
TEST_F(ProbesOfARun, ChangeNothingInADecoder) {
  Arguments decoder = {
      "model={kind: decoder, num_layers: 2, num_heads: 2, d_model: 16, d_ff: 32, dropout: 0.1, activation: gelu}"};
  ASSERT_EQ(train("plain", decoder).status, 0);
  decoder.insert(decoder.end(), {"probes.copying.every=20", "probes.logit_lens.every=20", "probes.memories.every=20"});
  const Outcome outcome = train("watched", decoder);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(checkpoints_of(folder.path / "watched"), checkpoints_of(folder.path / "plain"));
  const std::string lines = metrics_of(folder.path / "watched");
  for (const char* const name : {"copying/decoder.blocks.1.attention.1/score", "logit_lens/decoder.blocks.0.output/kl",
                                 "memories/decoder.blocks.1.feed_forward/agreement"}) {
    EXPECT_NE(lines.find(std::string("\"") + name + "\": "), lines.npos) << name;
  }
}

// Also from the very beginning, where nothing has been saved yet but a line has been written.
TEST_F(ProbesOfARun, ResumingLeavesTheSameLines) {
  const Arguments constant = {"schedule={name: constant, warmup_steps: 5}"};
  Arguments all = with_probes, part = with_probes;
  all.insert(all.end(), constant.begin(), constant.end());
  part.insert(part.end(), constant.begin(), constant.end());
  part.push_back("train.max_steps=20");
  ASSERT_EQ(train("whole", all).status, 0);
  ASSERT_EQ(train("parts", part).status, 0);
  std::filesystem::remove_all(folder.path / "parts" / "checkpoints");
  for (const char* const steps : {"train.max_steps=20", "train.max_steps=60"}) {
    const Outcome resumed = run_program(folder.path, {"train", "--resume", "parts", steps});
    ASSERT_EQ(resumed.status, 0) << resumed.err;
  }
  std::vector<std::string> parts = metrics("parts");
  std::erase_if(parts, [](const std::string& line) { return line.find("\"step\": 20, \"test/") != line.npos; });
  std::vector<std::string> whole = metrics("whole"), of_probes;
  for (const std::string& line : whole) {
    if (is_of_a_probe(line) || line.find("\"attention/") != line.npos) {
      of_probes.push_back(line);
      EXPECT_EQ(std::ranges::count(parts, line), 1) << line;
    }
  }
  EXPECT_EQ(of_probes.size(), 5u);
}

TEST_F(ProbesOfARun, SayWhatIsWrong) {
  Outcome outcome = train("run", {"probes.norm.every=1"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("probes.norm: unknown key (did you mean norms?)"), std::string::npos) << outcome.err;
  outcome = train("run", {"probes.norms={}"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("when is it to measure? give every, steps or also"), std::string::npos) << outcome.err;
  outcome = train("run", {"probes.norms.steps=[-1]"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("probes.norms.steps[0]: must be at least 0, not -1"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace transformlet
