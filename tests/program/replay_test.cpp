// Doing a run's steps again: the same bits, proved step by step; and going on from one of them with other keys.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/weight_hashes.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

int64_t step_of(const std::string& line) {
  int64_t step = -1;
  const size_t begin = std::string("{\"step\": ").size();
  std::from_chars(line.data() + begin, line.data() + line.size(), step);
  return step;
}

class Replay : public testing::Test {
 protected:
  Replay() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }
  void succeeds(const Arguments& arguments) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  void fails(const Arguments& arguments, const std::string& message, int status) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_TRUE(outcome.err.ends_with(message + "\n")) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  fs::path path(const std::string& name) const { return folder.path / name; }
  WeightHashes hashes(const std::string& name) const { return WeightHashes::read(path(name) / "weights.hashes"); }

  // The lines of a run's metrics for steps after `from`, up to `to`.
  std::vector<std::string> lines(const std::string& name, int64_t from, int64_t to) const {
    std::vector<std::string> result = lines_of(metrics_of(path(name)));
    std::erase_if(result, [&](const std::string& line) { return step_of(line) <= from || step_of(line) > to; });
    return result;
  }

  // The checkpoints that both have are the same, and there are some.
  void expect_same_checkpoints(const std::string& a, const std::string& b, size_t at_least) const {
    auto of_a = checkpoints_of(path(a)), of_b = checkpoints_of(path(b));
    std::erase_if(of_a, [&](const auto& file) { return !of_b.contains(file.first); });
    std::erase_if(of_b, [&](const auto& file) { return !of_a.contains(file.first); });
    EXPECT_GE(of_a.size(), 3 * at_least);
    expect_equal(of_a, of_b);
  }

  // The first step at which two runs differ, and the tensor; 0 if they do not.
  std::pair<int64_t, std::string> first_difference(const std::string& a, const std::string& b) const {
    const WeightHashes of_a = hashes(a), of_b = hashes(b);
    for (const StepHashes& step : of_b.steps) {
      const StepHashes* const other = of_a.find(step.step);
      if (other == nullptr) continue;
      if (const auto found = difference(of_a.names, *other, step)) return {found->step, found->tensor};
    }
    return {0, ""};
  }

  // Changes a bit of a step's hash of a tensor, as a training would have that took another way.
  void plant_difference(const std::string& name, size_t step, size_t tensor) const {
    std::string bytes = bytes_of_file(path(name) / "weights.hashes");
    const size_t words = hashes(name).names.size() + 2, records = hashes(name).steps.size();
    const size_t record = bytes.size() - 8 * words * (records - step);
    bytes[record + 8 * (1 + tensor)] ^= 1;
    const uint64_t hash = XXH3_64bits(bytes.data() + record, 8 * (words - 1));
    bytes.replace(record + 8 * (words - 1), 8, reinterpret_cast<const char*>(&hash), 8);
    write_bytes(path(name) / "weights.hashes", bytes);
  }

  TemporaryFolder folder;
};

// With dropout, probes of both kinds, an average of the weights; between checkpoints, with one thread or more.
TEST_F(Replay, AWindowHasTheBitsOfTheRun) {
  for (const std::string dtype : {"float32", "float64"}) {
    const std::string name = dtype;
    train_run(folder.path, "small.yaml", name,
              {"probes.norms.every=2", "probes.attention.every=5", "train.ema_decay=0.9", "train.dtype=" + dtype,
               "train.threads=1"});
    const auto before = bits_of(path(name));
    const std::string events = bytes_of_file(path(name) / "events.jsonl");
    for (const std::string threads : {"1", "3"}) {
      const std::string again = name + threads;
      const Outcome outcome =
          run({"replay", name, "--from", "25", "--to", "47", "--output", again, "train.threads=" + threads});
      ASSERT_EQ(outcome.status, 0) << outcome.err;
      EXPECT_EQ(outcome.out, "steps 20 to 47: every weight as recorded\nrun: " + again + "\n");
      EXPECT_EQ(lines_of(outcome.err).front(), "replaying " + name + " from step 20 into " + again);
      EXPECT_EQ(lines(again, -1, 99), lines(name, 25, 47));
      expect_same_checkpoints(again, name, 2);
      EXPECT_TRUE(fs::exists(path(again) / "checkpoints/step-47/state.json"));
      EXPECT_EQ(hashes(again).steps.front().step, 20);
      EXPECT_EQ(hashes(again).steps.back().step, 47);
      EXPECT_EQ(first_difference(name, again).first, 0);
    }
    EXPECT_EQ(bits_of(path(name)), before);
    EXPECT_EQ(bytes_of_file(path(name) / "events.jsonl"), events);
  }
}

// What probes would have measured, had they been there: also where they ask for the newest update.
TEST_F(Replay, ProbesComeAfterwards) {
  const Arguments looking = {"probes.norms.every=1", "evaluate.every=4", "train.log_every=1", "checkpoint.every=6"};
  train_run(folder.path, "small.yaml", "plain");
  train_run(folder.path, "small.yaml", "watched", looking);
  Arguments arguments = {"replay", "plain", "--from", "37", "--to", "48", "--output", "again"};
  arguments.insert(arguments.end(), looking.begin(), looking.end());
  succeeds(arguments);
  EXPECT_EQ(lines("again", -1, 99), lines("watched", 37, 48));
  EXPECT_EQ(lines("again", -1, 99).size(), 22u);
  expect_same_checkpoints("again", "watched", 2);
  EXPECT_FALSE(fs::exists(path("again") / "checkpoints/step-36")) << "it is before the window";
  // And the other way round.
  succeeds({"replay", "watched", "--from", "37", "--to", "48", "--output", "quiet", "probes={}", "evaluate.every=7",
            "train.log_every=3"});
  EXPECT_EQ(lines("quiet", -1, 99), lines("plain", 37, 48));
}

// From the beginning to the end, everything is there again; early stops and the checkpoints that they ask for, too.
TEST_F(Replay, AWholeRun) {
  const Arguments patient = {"evaluate.every=3", "evaluate.patience=2", "optimizer.learning_rate=0.03",
                             "checkpoint.powers_of_two=true", "probes.norms.also=powers_of_two"};
  train_run(folder.path, "small.yaml", "run", patient);
  ASSERT_LT(hashes("run").steps.back().step, 60) << "it was to stop early";
  succeeds({"replay", "run", "--output", "again"});
  EXPECT_EQ(bits_of(path("again")), bits_of(path("run")));
  fs::remove_all(path("run") / "checkpoints");
  succeeds({"replay", "run", "--output", "anew"});
  EXPECT_EQ(bits_of(path("anew")), bits_of(path("again")));
  // Patience counts on through what is not measured again.
  const int64_t last = hashes("run").steps.back().step;
  for (const auto& entry : fs::directory_iterator(path("again") / "checkpoints")) {
    if (entry.path().filename() != "step-4") fs::remove_all(entry.path());
  }
  succeeds({"replay", "again", "--from", fmt::format("{}", last - 2), "--output", "end"});
  EXPECT_EQ(lines("end", -1, 99), lines("run", last - 2, 99));
  expect_same_checkpoints("end", "anew", 1);
  fails({"replay", "again", "evaluate.every=1"},
        "replay: evaluate.every=1 instead of 3 could change the training; a replay may change probes, checkpoint, "
        "train.log_every, train.threads, train.recompute, and evaluate unless patience ends the run; transformlet "
        "branch goes on with other keys",
        2);
}

TEST_F(Replay, NamesTheStepAndTheTensorThatDiffer) {
  train_run(folder.path, "small.yaml", "run");
  const std::vector<std::string> names = hashes("run").names;
  plant_difference("run", 33, 5);
  plant_difference("run", 34, 2);
  plant_difference("run", 33, 7);
  const std::string reason =
      "; the same bits need the program, CPU and libraries of its environment.json, and the keys that it had then "
      "(events.jsonl says whether it was resumed with others)";
  fails({"replay", "run", "--from", "25", "--to", "40", "--output", "a"},
        fmt::format(
            "error: at step 33 the weights are not those of run: {} is the first of 2 tensors that differ, of {}{}",
            names[5], names.size(), reason),
        1);
  succeeds({"replay", "run", "--from", "25", "--to", "32", "--output", "b"});
  succeeds({"replay", "run", "--from", "45", "--to", "50", "--output", "c"});
  fails({"branch", "run", "--step", "38", "--output", "d"},
        fmt::format(
            "error: at step 33 the weights are not those of run: {} is the first of 2 tensors that differ, of {}{}",
            names[5], names.size(), reason),
        1);
  // A checkpoint of other weights than those that were recorded.
  plant_difference("run", 50, 0);
  fails({"replay", "run", "--from", "50", "--to", "52", "--output", "e"},
        fmt::format(
            "error: at step 50 the weights are not those of run: {} is the first of 1 tensors that differ, of {}{}",
            names[0], names.size(), reason),
        1);
  // What was resumed with other keys is not one training.
  train_run(folder.path, "small.yaml", "halves", {"schedule={name: constant}", "train.max_steps=30"});
  succeeds({"train", "--resume", "halves", "optimizer.learning_rate=0.002", "train.max_steps=40"});
  succeeds({"replay", "halves", "--from", "30", "--output", "f"});
  fails({"replay", "halves", "--from", "25", "--output", "g"},
        fmt::format(
            "error: at step 21 the weights are not those of halves: {} is the first of {} tensors that differ, of "
            "{}{}",
            names[0], names.size(), names.size(), reason),
        1);
}

TEST_F(Replay, WhatIsDamagedIsSaid) {
  train_run(folder.path, "small.yaml", "run");
  const fs::path file = path("run") / "weights.hashes",
                 weights = path("run") / "checkpoints/step-20/weights.safetensors";
  const std::string whole = bytes_of_file(file), checkpoint = bytes_of_file(weights);
  const size_t record = 8 * (hashes("run").names.size() + 2);
  std::string damaged = whole;
  damaged[whole.size() - 3 * record + 20] ^= 4;
  write_bytes(file, damaged);
  fails(
      {"replay", "run"},
      fmt::format("error: run/weights.hashes: it is damaged: the record at byte {} is not what was written; remove the "
                  "file to go on without",
                  whole.size() - 3 * record),
      1);
  fs::remove(file);
  fails({"replay", "run"},
        "error: run/weights.hashes: there is no such file: the run was recorded without hashes of its weights", 1);
  // A run that is cut short in a record ends before it.
  write_bytes(file, whole.substr(0, whole.size() - record - 1));
  fails({"replay", "run", "--to", "59"},
        "replay: --from and --to must be 0 <= from < to <= 58, the last step recorded, not 0 and 59", 2);
  succeeds({"replay", "run", "--from", "55", "--output", "short"});
  damaged = checkpoint;
  damaged[damaged.size() / 2] ^= 1;
  write_bytes(weights, damaged);
  fails({"replay", "run", "--from", "25"},
        "error: run/checkpoints/step-20/weights.safetensors: it is damaged: its checksum is wrong", 1);
  fails({"branch", "run", "--step", "25"},
        "error: run/checkpoints/step-20/weights.safetensors: it is damaged: its checksum is wrong", 1);
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(Replay, RefusesWhatWouldBeAnotherTraining) {
  train_run(folder.path, "small.yaml", "run");
  const auto refuses = [&](const std::string& override, const std::string& key, const std::string& old) {
    fails({"replay", "run", override},
          fmt::format("replay: {} instead of {} could change the training; a replay may change probes, checkpoint, "
                      "train.log_every, train.threads, train.recompute, and evaluate unless patience ends the run; "
                      "transformlet branch goes on with other keys",
                      key, old),
          2);
  };
  refuses("optimizer.learning_rate=0.1", "optimizer.learning_rate=0.1", "0.001");
  refuses("train.batch_size=16", "train.batch_size=16", "32");
  refuses("train.micro_batches=2", "train.micro_batches=2", "1");
  refuses("seed=8", "seed=8", "7");
  refuses("train.max_steps=90", "train.max_steps=90", "60");
  refuses("evaluate.patience=3", "evaluate.patience=3", "null");
  refuses("model.dropout=0.0", "model.dropout=0.0", "0.1");
  refuses("task={name: copy}", "task.name=copy", "reverse");
  fails({"replay", "run", "train.log_every=0"}, "train.log_every: must be at least 1, not 0", 2);
  fails({"replay", "run", "--from", "9", "--to", "9"},
        "replay: --from and --to must be 0 <= from < to <= 60, the last step recorded, not 9 and 9", 2);
  fails({"replay", "run", "--from", "61"}, "replay: run was recorded up to step 60, not 61", 2);
  fails({"replay", "nowhere"}, "replay: nowhere is not the folder of a run (it has no config.yaml)", 2);
  fails({"replay", "run", "--output", "run"},
        "run: it exists already, and no run is ever overwritten; name another folder, or resume the run in it", 2);
  EXPECT_FALSE(fs::exists(path("runs")));
  succeeds({"replay", "run", "train.log_every=3", "optimizer.learning_rate=0.001"});  // changes nothing
  EXPECT_TRUE(fs::exists(path("runs/replay/1/metrics.jsonl")));
}

TEST_F(Replay, ABranchGoesOnFromAStep) {
  train_run(folder.path, "small.yaml", "run", {"probes.norms.every=2", "evaluate.patience=50"});
  const auto before = bits_of(path("run"));
  // With the same keys it is the rest of the run: from a checkpoint, from between two, and from one with a val/loss.
  for (const std::string step : {"20", "25", "28"}) {
    const std::string name = "same" + step;
    succeeds({"branch", "run", "--step", step, "--output", name});
    EXPECT_EQ(lines(name, -1, 99), lines("run", std::stoi(step), 99));
    expect_same_checkpoints(name, "run", step == "25" ? 6 : 7);
    EXPECT_EQ(fs::exists(path("run") / "checkpoints" / ("step-" + step)), step != "25");
    EXPECT_EQ(first_difference("run", name).first, 0);
    EXPECT_EQ(hashes(name).steps.back().step, 60);
  }
  // With another one it parts there.
  const Outcome outcome = run(
      {"branch", "run", "--step", "25", "--output", "steeper", "optimizer.learning_rate=0.01", "train.max_steps=70"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(lines_of(outcome.err).front(), "branching from run at step 25 into steeper");
  EXPECT_EQ(first_difference("run", "steeper"), std::pair(int64_t{26}, hashes("run").names[0]));
  EXPECT_EQ(hashes("steeper").steps.back().step, 70);
  EXPECT_NE(bytes_of_file(path("steeper") / "config.yaml").find("learning_rate: 0.01\n"), std::string::npos);
  const std::string event = lines_of(bytes_of_file(path("steeper") / "events.jsonl")).front();
  EXPECT_NE(event.find("\"event\": \"branched\", \"run\": \"" + path("run").string() + "\", \"step\": 25, "),
            std::string::npos)
      << event;
  // It is a run as others are: what is lost of it comes back.
  const auto whole = bits_of(path("steeper"));
  for (const auto& [file, bytes] : whole) {
    if (file.starts_with("step-") && !file.starts_with("step-25/")) fs::remove(path("steeper") / "checkpoints" / file);
  }
  succeeds({"train", "--resume", "steeper"});
  expect_equal(bits_of(path("steeper")), whole);
  // Another seed is other data in another order, from the same weights.
  succeeds({"branch", "run", "--step", "20", "--output", "other", "seed=8"});
  EXPECT_EQ(first_difference("run", "other").first, 21);
  EXPECT_EQ(bits_of(path("run")), before);
}

TEST_F(Replay, WrongBranches) {
  train_run(folder.path, "small.yaml", "run");
  fails({"branch", "run"}, "transformlet branch: --step is required (see transformlet branch --help)", 2);
  fails({"branch", "run", "--step", "61"}, "branch: run was recorded up to step 60, not 61", 2);
  fails({"branch", "run", "--step", "60"}, "branch: nothing is left to do after step 60: train.max_steps is 60", 2);
  const Outcome unfit = run({"branch", "run", "--step", "20", "model.num_layers=1"});
  EXPECT_EQ(unfit.status, 1);
  EXPECT_TRUE(unfit.err.starts_with("error: the stored tensors do not fit: unexpected: encoder.blocks.1."))
      << unfit.err;
  EXPECT_FALSE(fs::exists(path("runs")));
}

}  // namespace
}  // namespace transformlet
