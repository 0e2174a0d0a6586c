// What a gradient check needs is known before it takes it: it takes no more, and what does not fit is refused.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"
#include "train/config/reader.h"
#include "train/gradcheck_memory.h"

namespace transformlet {
namespace {

class GradcheckMemory : public testing::Test {
 protected:
  Outcome run(const std::string& text, const Arguments& overrides = {}) const {
    write_bytes(folder.path / "c.yaml", text);
    Arguments arguments = {"gradcheck", "c.yaml"};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_program(folder.path, arguments);
  }

  // It takes no more than that, beside what the program takes for anything, and not much less: the estimate is no
  // guess.
  void expect_takes(double estimate, const std::string& text) const {
    SCOPED_TRACE(text);
    constexpr double program = 30e6;
    EXPECT_GT(estimate, 3 * program) << "too little to be told from the program itself";
    const Outcome outcome = run(text);
    EXPECT_EQ(outcome.status, 0) << outcome.err << outcome.out;
    EXPECT_LT(outcome.peak_bytes, estimate + program);
    EXPECT_GT(outcome.peak_bytes, estimate / 3);
  }

  void expect_refusal(const std::string& text, const Arguments& overrides, const std::string& begin) const {
    const Outcome outcome = run(text, overrides);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(outcome.err.starts_with(begin)) << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1u);
    EXPECT_EQ(outcome.out, "");
    // A process's peak begins with that of the test which started it, which sanitizers make large.
    EXPECT_LT(outcome.peak_bytes, is_sanitized ? 400e6 : 60e6) << "it took memory before it refused";
  }

  TemporaryFolder folder;
};

// Batches by which checks of all kinds of layers need some hundred megabytes.
TEST_F(GradcheckMemory, ALayerTakesWhatIsEstimated) {
  if (is_sanitized) GTEST_SKIP() << "maps more than it needs";
  for (const std::string keys :
       {"layer: {kind: multihead_attention, num_heads: 2}\ngradcheck: {directions: 1, batch_size: 1, seq_len: 800}\n",
        "layer: {kind: multihead_attention, cross: true}\ngradcheck: {directions: 1, order: 2, batch_size: 1, seq_len: "
        "300, memory_len: 900, masks: [dense]}\n",
        "layer: {kind: feed_forward, activation: swiglu}\ngradcheck: {directions: 1, order: 2, seq_len: 8000}\n",
        "layer: {kind: encoder_block, activation: gelu}\ngradcheck: {directions: 1, batch_size: 200, seq_len: 32}\n"}) {
    auto config = read_config_text<LayerCheckConfig>("c.yaml", keys);
    expect_takes(check_memory(config).bytes, keys);
  }
}

TEST_F(GradcheckMemory, AModelTakesWhatIsEstimated) {
  if (is_sanitized) GTEST_SKIP() << "maps more than it needs";
  for (const std::string keys :
       {"task: {name: repeat, seq_len: 256}\nmodel: {kind: decoder, num_layers: 3, num_heads: 4, d_model: 16}\n"
        "gradcheck: {directions: 1, layers: [model]}\n",
        "task: {name: reverse, num_symbols: 50}\nmodel: {kind: encoder, num_layers: 2, d_model: 64, d_ff: 64}\n"
        "gradcheck: {directions: 1, batch_size: 200, layers: [model, head, encoder.blocks.1]}\n"}) {
    const auto config = read_config_text<ExperimentConfig>("c.yaml", keys);
    expect_takes(check_memory(config).bytes, keys);
  }
}

// In a moment, and by the keys that help: what no machine has.
TEST_F(GradcheckMemory, WhatCannotFitIsRefused) {
  const std::string layer = "layer: {kind: multihead_attention, num_heads: 8}\n";
  // Scores: 12 times 2 samples, 8 heads, 10^10 pairs, 8 bytes; all else is 1.6 GB.
  expect_refusal(layer, {"gradcheck.seq_len=100000"},
                 "gradcheck.seq_len: the check of multihead_attention needs about 15361.");
  expect_refusal("layer: {kind: feed_forward}\n", {"gradcheck.seq_len=100000", "gradcheck.batch_size=10000"},
                 "gradcheck.seq_len: the check of feed_forward needs about ");
  const std::string model = "task: {name: reverse}\nmodel: {kind: encoder, num_heads: 8}\n";
  expect_refusal(model, {"gradcheck.seq_len=100000"}, "gradcheck.seq_len: the check of encoder.blocks.0");
  // Of the model: with 10000 examples of 500 symbols, not with one; and with one of 60000.
  const Arguments whole = {"task.train_size=10000", "task.val_size=0",  "task.test_size=0",
                           "train.batch_size=2",    "task.seq_len=500", "gradcheck.layers=[model]"};
  const auto with = [](Arguments arguments, const std::string& more) {
    arguments.push_back(more);
    return arguments;
  };
  expect_refusal(model, with(whole, "gradcheck.batch_size=10000"),
                 "gradcheck.batch_size: the check of model needs about ");
  Arguments long_task = with(whole, "task.train_size=64");
  long_task[4] = "task.seq_len=60000";
  expect_refusal(model, long_task, "model: the check of model needs about ");
}

// Smaller values of what is named are enough, and of no less.
TEST_F(GradcheckMemory, OnlyKeysThatHelpAreNamed) {
  const auto begin_and_end = [&](const std::string& text, const Arguments& overrides, const std::string& begin,
                                 const std::string& end) {
    expect_refusal(text, overrides, begin);
    const Outcome outcome = run(text, overrides);
    EXPECT_TRUE(outcome.err.ends_with("; a smaller " + end + " helps\n")) << outcome.err;
  };
  const std::string cross = "layer: {kind: multihead_attention, num_heads: 8, cross: true}\n";
  begin_and_end(cross, {"gradcheck.memory_len=100000", "gradcheck.batch_size=10000"},
                "gradcheck.memory_len: ", "gradcheck.memory_len");
  // Either needs 8 TB by itself: 12 times 10^9 tokens, their 16 inputs, 64 projections and 8 scores, 8 bytes.
  begin_and_end(cross, {"gradcheck.memory_len=100000", "gradcheck.seq_len=100000", "gradcheck.batch_size=10000"},
                "gradcheck.memory_len: ", "gradcheck.memory_len and gradcheck.seq_len");
  // Its weights alone are 2e11 numbers.
  begin_and_end("layer: {kind: feed_forward, d_model: 100000, d_ff: 1000000}\n", {"gradcheck.seq_len=100000"},
                "layer: ", "layer");
  begin_and_end(cross, {"gradcheck.seq_len=100000"}, "gradcheck.seq_len: ", "gradcheck.seq_len");
}

}  // namespace
}  // namespace transformlet
