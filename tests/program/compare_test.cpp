// Two runs beside each other, and the loss between them.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/weight_hashes.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class Compare : public testing::Test {
 protected:
  Compare() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }
  void train(const std::string& name, const Arguments& overrides = {}) const {
    train_run(folder.path, "small.yaml", name, overrides);
  }
  // What it says, if it leaves with this status and without an error.
  std::vector<std::string> compared(const std::string& a, const std::string& b, int status) const {
    const Outcome outcome = run({"compare", a, b});
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return lines_of(outcome.out);
  }
  void refuses(const Arguments& arguments, const std::string& message) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }
  fs::path path(const std::string& name) const { return folder.path / name; }
  WeightHashes hashes(const std::string& name) const { return WeightHashes::read(path(name) / "weights.hashes"); }

  TemporaryFolder folder;
};

bool contains(const std::vector<std::string>& lines, const std::string& line) {
  return std::ranges::count(lines, line) == 1;
}

TEST_F(Compare, EqualRuns) {
  train("a");
  train("b");
  const std::vector<std::string> lines = compared("a", "b", 0);
  EXPECT_EQ(lines.at(0), "config: equal");
  EXPECT_EQ(lines.at(1), "weights: equal, up to step 60");
  EXPECT_EQ(lines.at(2), "metrics: equal in the end");
  EXPECT_TRUE(lines.at(3).starts_with("  train/loss ")) << lines.at(3);
  EXPECT_EQ(compared("a", "a", 0), lines);
  // Whoever only looks is another run, of the same weights.
  train("c", {"train.threads=1", "probes.norms.every=30"});
  const std::vector<std::string> watched = compared("a", "c", 1);
  EXPECT_EQ(watched.at(0), "config: different");
  EXPECT_EQ(watched.at(1), "  train.threads       0   1");
  EXPECT_TRUE(contains(watched, "  probes.norms.every  -   30"));
  EXPECT_TRUE(contains(watched, "weights: equal, up to step 60"));
}

TEST_F(Compare, SaysWhereTheyPart) {
  train("a");
  train("seed", {"seed=8"});
  const std::vector<std::string> names = hashes("a").names;
  EXPECT_TRUE(compared("a", "seed", 1).at(2).starts_with("weights: differ first at step 0, in " + names[0] + " ("));
  // Momentum tells from the second step on; the learning rate of warm-up from the first.
  train("beta", {"optimizer.betas=[0.8, 0.999]"});
  const std::vector<std::string> beta = compared("a", "beta", 1);
  EXPECT_EQ(beta.at(0), "config: different");
  EXPECT_EQ(beta.at(1), "  optimizer.betas  [0.9, 0.999]  [0.8, 0.999]");
  EXPECT_TRUE(beta.at(2).starts_with("weights: differ first at step 2, in " + names[0] + " (")) << beta.at(2);
  // Weight decay moves weights alone: the first that it moves is the first matrix, which is no embedding.
  train("decay", {"optimizer.weight_decay=0.2"});
  const std::string decay = compared("a", "decay", 1).at(2);
  const std::string matrix = "encoder.blocks.0.attention.qkv.weight";
  EXPECT_LT(std::ranges::find(names, "input.embedding.weight"), std::ranges::find(names, matrix));
  EXPECT_TRUE(decay.starts_with("weights: differ first at step 1, in " + matrix + " (")) << decay;
  ASSERT_EQ(run({"branch", "a", "--step", "43", "--output", "branch", "optimizer.clip_norm=0.01"}).status, 0);
  EXPECT_TRUE(compared("a", "branch", 1).at(2).starts_with("weights: differ first at step 44, in "));
}

TEST_F(Compare, RunsThatAreCutShort) {
  train("a");
  train("short", {"schedule={name: constant, warmup_steps: 5}", "train.max_steps=20"});
  train("long", {"schedule={name: constant, warmup_steps: 5}"});
  const std::vector<std::string> lines = compared("short", "long", 1);
  EXPECT_TRUE(contains(lines, "  train.max_steps  20  60"));
  EXPECT_TRUE(contains(
      lines, "weights: equal at all 21 steps that both have; short has steps 0 to 20, long has steps 0 to 60"));
  // Within a record and a line.
  fs::copy(path("a"), path("cut"), fs::copy_options::recursive);
  fs::resize_file(path("cut") / "weights.hashes", fs::file_size(path("cut") / "weights.hashes") - 700);
  const std::string metrics = bytes_of_file(path("a") / "metrics.jsonl");
  write_bytes(path("cut") / "metrics.jsonl", metrics.substr(0, metrics.find("{\"step\": 51") + 20));
  const int64_t last = hashes("cut").steps.back().step;
  EXPECT_TRUE(
      contains(compared("cut", "a", 1), fmt::format("weights: equal at all {} steps that both have; cut has steps "
                                                    "0 to {}, a has steps 0 to 60",
                                                    last + 1, last)));
  // A replay is a piece of it.
  ASSERT_EQ(run({"replay", "a", "--from", "10", "--to", "15", "--output", "piece"}).status, 0);
  EXPECT_TRUE(contains(compared("piece", "a", 1),
                       "weights: equal at all 6 steps that both have; piece has steps 10 to 15, a has steps 0 to 60"));
}

TEST_F(Compare, WhatKeepsItFromTelling) {
  train("a");
  train("b");
  refuses({"compare", "a"}, "transformlet compare: OTHER is required (see transformlet compare --help)");
  refuses({"compare", "a", "nowhere"}, "compare: nowhere is not the folder of a run (it has no config.yaml)");
  std::string bytes = bytes_of_file(path("b") / "weights.hashes");
  const size_t record = 8 * (hashes("b").names.size() + 2);
  bytes[bytes.size() - 5] ^= 1;
  write_bytes(path("b") / "weights.hashes", bytes);
  refuses(
      {"compare", "a", "b"},
      fmt::format("compare: b/weights.hashes: it is damaged: the record at byte {} is not what was written; remove the "
                  "file to go on without",
                  bytes.size() - record));
  fs::remove(path("b") / "weights.hashes");
  refuses({"compare", "a", "b"},
          "compare: b/weights.hashes: there is no such file: the run was recorded without hashes of its weights");
  fs::copy(path("a") / "weights.hashes", path("b") / "weights.hashes");
  write_bytes(path("b") / "metrics.jsonl", "{\"step\": 1}\nrubbish\n");
  refuses({"compare", "a", "b"}, "compare: b/metrics.jsonl:2: it is no line of metrics");
}

TEST_F(Compare, OtherModels) {
  train("a");
  train("b", {"model.num_layers=1"});
  EXPECT_TRUE(compared("a", "b", 1).at(2).starts_with("weights: of other tensors: encoder.blocks.1."));
  EXPECT_EQ(compared("a", "b", 1).at(2), compared("b", "a", 1).at(2));
}

std::vector<std::vector<double>> numbers_of_tsv(const fs::path& path) {
  std::vector<std::vector<double>> rows;
  for (const std::string& line : lines_of(bytes_of_file(path))) {
    std::istringstream stream(line);
    std::vector<double>& row = rows.emplace_back();
    for (double number; stream >> number;) row.push_back(number);
  }
  rows.erase(rows.begin());  // the names
  return rows;
}

TEST_F(Compare, TheLossOnALine) {
  train("a");
  train("b", {"seed=8"});
  const Outcome same = run({"landscape", "a", "a"});
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_EQ(lines_of(same.out).front(), "val/loss from a (step 60) to a (step 60)");
  EXPECT_EQ(lines_of(same.out).back(), "barrier: 0");
  const Outcome line = run({"landscape", "a", "b/checkpoints/step-50", "--points", "5", "--output", "line.tsv"});
  EXPECT_EQ(line.status, 0) << line.err;
  EXPECT_EQ(lines_of(line.out).front(), "val/loss from a (step 60) to b/checkpoints/step-50 (step 50)");
  const auto rows = numbers_of_tsv(path("line.tsv"));
  ASSERT_EQ(rows.size(), 5u);
  // The ends are what evaluating them says.
  const auto evaluated = [&](const std::string& run_name, const std::string& step) {
    const Outcome outcome = run({"evaluate", run_name, "--checkpoint", step, "--split", "val", "seed=7"});
    const size_t begin = outcome.out.find("loss ") + 5;
    return std::stod(outcome.out.substr(begin));
  };
  EXPECT_EQ(rows.front(), (std::vector<double>{0, evaluated("a", "60")}));
  EXPECT_EQ(rows.back(), (std::vector<double>{1, evaluated("b", "50")}));
  EXPECT_EQ(rows.at(2).at(0), 0.5);
}

TEST_F(Compare, TheLossOnAPlane) {
  train("a");
  const Outcome plane = run({"landscape", "a/checkpoints/step-40", "--points", "3", "--radius", "0.5", "--output",
                             "one.tsv", "train.threads=1"});
  EXPECT_EQ(plane.status, 0) << plane.err;
  EXPECT_EQ(lines_of(plane.out).front(), "val/loss around a/checkpoints/step-40 (step 40)");
  const auto rows = numbers_of_tsv(path("one.tsv"));
  ASSERT_EQ(rows.size(), 9u);
  EXPECT_EQ(rows.at(0).at(0), -0.5);
  EXPECT_EQ(rows.at(8).at(1), 0.5);
  const Outcome evaluated = run({"evaluate", "a", "--checkpoint", "40", "--split", "val"});
  EXPECT_EQ(rows.at(4), (std::vector<double>{0, 0, std::stod(evaluated.out.substr(evaluated.out.find("loss ") + 5))}));
  ASSERT_EQ(run({"landscape", "a/checkpoints/step-40", "--points", "3", "--radius", "0.5", "--output", "three.tsv",
                 "train.threads=3"})
                .status,
            0);
  EXPECT_EQ(bytes_of_file(path("three.tsv")), bytes_of_file(path("one.tsv")));
}

TEST_F(Compare, WrongLandscapes) {
  train("a");
  train("b", {"model.num_layers=1"});
  refuses({"landscape"}, "transformlet landscape: RUN is required (see transformlet landscape --help)");
  const std::string places =
      "landscape: give one run or checkpoint for the plane around it, or two for the line between them";
  refuses({"landscape", "a", "a", "a"}, places);
  refuses({"landscape", "seed=3"}, places);
  refuses({"landscape", "a", "--points", "4"}, "landscape: --points must be odd, so that one is in the middle, not 4");
  refuses({"landscape", "a", "--radius", "0"}, "landscape: --radius must be 0 < radius <= 1e6, not 0");
  refuses({"landscape", "a", "--split", "exam"}, "landscape: there is no split 'exam'; there are train, val and test");
  refuses({"landscape", "a/checkpoints/step-41"},
          "landscape: a/checkpoints/step-41 is not the folder of a run (it has no config.yaml)");
  refuses({"landscape", "a", "task.val_size=0"}, "landscape: the val split has no examples");
  const Outcome unfit = run({"landscape", "a", "b"});
  EXPECT_EQ(unfit.status, 1);
  EXPECT_TRUE(unfit.err.starts_with("error: the stored tensors do not fit: missing: encoder.blocks.1.")) << unfit.err;
}

}  // namespace
}  // namespace transformlet
