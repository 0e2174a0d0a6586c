// What resuming does apart from repeating bits (tests/program/bits_test.cpp).
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class Resume : public testing::Test {
 protected:
  Resume() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }

  void train(const std::string& name, const Arguments& overrides = {}) const {
    Arguments arguments = {"train", "small.yaml", "--run", name};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const Outcome outcome = run(arguments);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }

  // Starts a run that would take minutes, and waits until it is somewhere between two checkpoints.
  std::unique_ptr<RunningProgram> start_long_run() const {
    auto program = std::make_unique<RunningProgram>(
        folder.path, Arguments{"train", "small.yaml", "--run", "run", "train.max_steps=1000000", "evaluate.every=0",
                               "checkpoint.every=null", "checkpoint.powers_of_two=true", "train.log_every=1"});
    EXPECT_TRUE(becomes_true([&] { return lines_of(metrics_of(path())).size() > 130; }));
    return program;
  }

  fs::path path() const { return folder.path / "run"; }

  TemporaryFolder folder;
};

TEST_F(Resume, AFinishedRunStaysAsItIs) {
  train("run");
  const auto before = bits_of(path());
  const std::string config = bytes_of_file(path() / "config.yaml"), metrics = bytes_of_file(path() / "metrics.jsonl");
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = run({"train", "--resume", "run"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.err, "nothing left to do for run after step 60\n");
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(bits_of(path()), before);
    EXPECT_EQ(bytes_of_file(path() / "config.yaml"), config);
    EXPECT_EQ(bytes_of_file(path() / "metrics.jsonl"), metrics);
  }
}

// With a schedule that does not depend on their number, more steps lead where asking for all at once would have.
TEST_F(Resume, MoreSteps) {
  train("run", {"schedule={name: constant, warmup_steps: 5}", "train.max_steps=27"});
  train("all", {"schedule={name: constant, warmup_steps: 5}"});
  const Outcome outcome = run({"train", "--resume", "run", "train.max_steps=60"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(lines_of(outcome.err).front(), "resuming run after step 27");
  EXPECT_NE(bytes_of_file(path() / "config.yaml").find("  max_steps: 60\n"), std::string::npos);
  auto more = checkpoints_of(path());
  EXPECT_EQ(std::erase_if(more, [](const auto& file) { return file.first.starts_with("step-27/"); }), 3u);
  EXPECT_EQ(more, checkpoints_of(folder.path / "all"));
  EXPECT_EQ(lines_of(metrics_of(path())).back(), lines_of(metrics_of(folder.path / "all")).back());
  EXPECT_EQ(run({"train", "--resume", "run"}).err, "nothing left to do for run after step 60\n");
}

TEST_F(Resume, StoppedBySignals) {
  for (const auto& [signal, status] : {std::pair(SIGTERM, 143), std::pair(SIGINT, 130)}) {
    fs::remove_all(path());
    const auto program = start_long_run();
    program->signal(signal);
    const Outcome outcome = program->wait();
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.out, "");
    const std::string last = lines_of(outcome.err).back();
    EXPECT_TRUE(last.starts_with("stopped after step ")) << last;
    EXPECT_TRUE(last.ends_with("; go on with: transformlet train --resume run")) << last;
    const std::string step = last.substr(19, last.find(';') - 19);
    EXPECT_TRUE(fs::exists(path() / "checkpoints" / ("step-" + step) / "state.json")) << last;
    const Outcome resumed = run({"train", "--resume", "run", fmt::format("train.max_steps={}", std::stoi(step) + 1)});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    EXPECT_EQ(lines_of(resumed.err).front(), "resuming run after step " + step);
  }
}

TEST_F(Resume, OneProcessAtATime) {
  const auto program = start_long_run();
  const Outcome second = run({"train", "--resume", "run"});
  EXPECT_EQ(second.status, 1);
  EXPECT_TRUE(second.err.starts_with("error: run: process ")) << second.err;
  EXPECT_TRUE(second.err.ends_with(" is training this run\n")) << second.err;
  EXPECT_EQ(lines_of(second.err).size(), 1u);
  // Looking at it is allowed all the time.
  EXPECT_EQ(run({"evaluate", "run"}).status, 0);
  program->signal(SIGTERM);
  EXPECT_EQ(program->wait().status, 143) << "the second one has disturbed the first";
}

TEST_F(Resume, ABrokenCheckpointIsPassedOver) {
  train("run");
  const auto whole = bits_of(path());
  const fs::path newest = path() / "checkpoints/step-60", second = path() / "checkpoints/step-50";
  // A bit of the newest one's weights is wrong; of the one before, half a file is missing.
  std::string weights = bytes_of_file(newest / "weights.safetensors");
  weights[weights.size() / 2] ^= 1;
  write_bytes(newest / "weights.safetensors", weights);
  fs::resize_file(second / "optimizer.safetensors", fs::file_size(second / "optimizer.safetensors") / 2);

  const Outcome resumed = run({"train", "--resume", "run"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  const std::vector<std::string> lines = lines_of(resumed.err);
  EXPECT_EQ(lines.at(0),
            "warning: a broken checkpoint is passed over: run/checkpoints/step-60/weights.safetensors: it is damaged: "
            "its checksum is wrong");
  EXPECT_TRUE(lines.at(1).starts_with(
      "warning: a broken checkpoint is passed over: run/checkpoints/step-50/optimizer.safetensors: it has "))
      << lines.at(1);
  EXPECT_EQ(lines.at(2), "resuming run after step 40");
  EXPECT_EQ(bits_of(path()), whole) << "what was broken has been made again";
}

TEST_F(Resume, WithoutCheckpointsItBeginsAnew) {
  train("run");
  const auto whole = bits_of(path());
  fs::remove_all(path() / "checkpoints");
  const Outcome resumed = run({"train", "--resume", "run"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(lines_of(resumed.err).front(), "resuming run after step 0");
  EXPECT_EQ(bits_of(path()), whole);
}

TEST_F(Resume, ADamagedConfigOrMetricsFileIsSaid) {
  train("run");
  const std::string metrics = bytes_of_file(path() / "metrics.jsonl");
  write_bytes(path() / "metrics.jsonl", "rubbish\n" + metrics);
  const Outcome bad_metrics = run({"train", "--resume", "run"});
  EXPECT_EQ(bad_metrics.status, 1);
  EXPECT_EQ(bad_metrics.err, "error: run/metrics.jsonl:1: it is no line of metrics; mend or remove it to go on\n");
  EXPECT_EQ(bytes_of_file(path() / "metrics.jsonl"), "rubbish\n" + metrics);
  write_bytes(path() / "config.yaml", "seed: x\ntask: {name: reverse}\n");
  const Outcome bad_config = run({"train", "--resume", "run"});
  EXPECT_EQ(bad_config.status, 2);
  EXPECT_EQ(bad_config.err, "run/config.yaml:1:7: seed: expected an integer, found 'x'\n");
}

}  // namespace
}  // namespace transformlet
