// A run on real-valued data: it repeats to the bit when it is stopped and goes on, and its metrics have no accuracy.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

constexpr const char* config = R"(
task: {name: linear_regression, inputs: 4, outputs: 3, rank: 2, train_size: 100, val_size: 20, test_size: 30}
model: {kind: mlp, widths: [8, 5], activation: gelu}
optimizer: {name: adam, learning_rate: 0.01}
train: {max_steps: 30, batch_size: 16, log_every: 3}
evaluate: {every: 7}
checkpoint: {every: 10, keep_last: null}
)";

TEST(RealValuedRun, GoesOnToTheSameBits) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "config.yaml", config);
  for (const std::string dtype : {"train.dtype=float32", "train.dtype=float64"}) {
    SCOPED_TRACE(dtype);
    const std::string whole = "whole-" + dtype, parts = "parts-" + dtype;
    ASSERT_EQ(run_program(folder.path, {"train", "config.yaml", "--run", whole, dtype, "train.threads=1"}).status, 0);
    ASSERT_EQ(run_program(folder.path, {"train", "config.yaml", "--run", parts, dtype, "train.threads=2"}).status, 0);
    EXPECT_EQ(bits_of(folder.path / parts), bits_of(folder.path / whole)) << "with two threads";
    std::filesystem::remove_all(folder.path / parts / "checkpoints/step-30");
    std::filesystem::remove_all(folder.path / parts / "checkpoints/step-20");
    const Outcome resumed = run_program(folder.path, {"train", "--resume", parts});
    ASSERT_EQ(resumed.status, 0) << resumed.err;
    EXPECT_EQ(lines_of(resumed.err).front(), "resuming " + parts + " after step 10");
    expect_equal(bits_of(folder.path / parts), bits_of(folder.path / whole));
  }
}

TEST(RealValuedRun, MeasuresLossesAlone) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "config.yaml", config);
  const Outcome trained = run_program(folder.path, {"train", "config.yaml", "--run", "run"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_EQ(trained.err.find("accuracy"), std::string::npos) << trained.err;
  const std::string metrics = metrics_of(folder.path / "run");
  EXPECT_EQ(metrics.find("accuracy"), std::string::npos) << metrics;
  const auto test = nlohmann::json::parse(lines_of(metrics).back());
  EXPECT_EQ(test.at("test/positions"), 90);
  const Outcome evaluated = run_program(folder.path, {"evaluate", "run"});
  EXPECT_EQ(evaluated.out, fmt::format("test at step 30: 90 targets, loss {} (at best {:.5g})\n",
                                       test.at("test/loss").get<double>(), test.at("test/best_loss").get<double>()));
}

// What is about text says so.
TEST(RealValuedRun, WritesNoText) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "config.yaml", config);
  ASSERT_EQ(run_program(folder.path, {"train", "config.yaml", "--run", "run"}).status, 0);
  const Outcome generated = run_program(folder.path, {"generate", "run"});
  EXPECT_EQ(generated.status, 2);
  EXPECT_EQ(generated.err, "generate: run has no tokenizer.json: its task is not one of text\n");
  const Outcome timed = run_program(folder.path, {"bench", "config.yaml", "--steps", "1", "--export", "steps"});
  EXPECT_NE(timed.status, 0);
  EXPECT_NE(timed.err.find("bench: this task's batches are of real numbers; --export writes tokens"), std::string::npos)
      << timed.err;
}

}  // namespace
}  // namespace transformlet
