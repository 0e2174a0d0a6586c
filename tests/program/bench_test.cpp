// `transformlet bench`, and the profile that it and `train` print. How long anything takes is nobody's promise: what is
// counted must be right, and the times must fit together.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/safetensors.h"

namespace transformlet {
namespace {

class BenchTest : public testing::Test {
 protected:
  BenchTest() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }

  // The program leaves with status 2 and says exactly this line.
  void refuses(const Arguments& arguments, const std::string& message) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << message;
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

// The words of each line of a profile's table, by their first.
std::map<std::string, std::vector<std::string>> table_of(const std::string& out) {
  std::map<std::string, std::vector<std::string>> rows;
  const size_t start = out.find("forward: calls");
  EXPECT_NE(start, std::string::npos) << out;
  for (const std::string& line : lines_of(out.substr(std::min(start, out.size())))) {
    std::istringstream stream(line);
    std::string name;
    stream >> name;
    for (std::string word; stream >> word;) rows[name].push_back(word);
  }
  return rows;
}

// Shares of the whole, in percent: those of all rows but the last.
double sum_of_shares(const std::map<std::string, std::vector<std::string>>& rows) {
  double sum = 0;
  for (const auto& [name, words] : rows) {
    if (words.back().ends_with("%")) sum += std::stod(words.back());
  }
  return sum;
}

TEST_F(BenchTest, SaysHowLongAStepTakes) {
  const Outcome outcome = run({"bench", "small.yaml", "--steps", "7", "--warm-up", "3", "--json", "bench.json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(outcome.out.starts_with("small.yaml: 7 steps after 3 to warm up; ")) << outcome.out;
  EXPECT_EQ(number_of_entries(folder.path), 2u) << "a benchmark makes no run";

  const auto json = nlohmann::json::parse(bytes_of_file(folder.path / "bench.json"));
  const auto number = [&](const std::string& key) { return json.at(key).get<double>(); };
  EXPECT_EQ(number("steps"), 7);
  EXPECT_EQ(number("tokens_per_step"), 32 * 6);
  // Counted by hand, as in usage_test.cpp, with d_ff 32.
  EXPECT_EQ(number("parameters"), 2 * (1088 + 1072 + 64) + 176 + 389);
  // Of a token, forward: two blocks of packed projection, output, up and down, the head; scores and values over the
  // six keys. Backward costs twice as much. The embedding is no product.
  const double linear = 2 * (16 * 48 + 16 * 16 + 2 * 16 * 32) + 16 * 16 + 16 * 5, attention = 2 * 2 * 16 * 6;
  EXPECT_NEAR(1e9 * number("gflop_per_step"), 3 * 32 * 6 * 2 * (linear + attention), 1e-3);  // rounding
  double parts = 0;
  for (const std::string part : {"batch", "forward", "backward", "optimizer", "compute", "step"}) {
    EXPECT_GT(number(part + "_ms/10_percent"), 0) << part;
    EXPECT_LE(number(part + "_ms/10_percent"), number(part + "_ms/median")) << part;
    EXPECT_LE(number(part + "_ms/median"), number(part + "_ms/90_percent")) << part;
    EXPECT_GE(number(part + "_ms/mean"), number(part + "_ms/10_percent")) << part;  // of seven steps: the fastest
    if (part != "compute" && part != "step") parts += number(part + "_ms/10_percent");
  }
  EXPECT_LE(parts, number("step_ms/90_percent"));
  EXPECT_LE(number("compute_ms/median"), number("step_ms/median"));
  EXPECT_LE(number("step_ms/median"), 1e3 * outcome.seconds);
  EXPECT_NEAR(number("tokens_per_s") * number("step_ms/median"), 192 * 1e3, 1e-6);  // rounding
  EXPECT_NEAR(number("share_of_peak"), number("gflop_per_s") / number("peak_gflop_per_s"), 1e-12);
  EXPECT_GT(number("peak_gflop_per_s"), 0.1);
  EXPECT_GT(number("peak_resident_mb"), 1);
  EXPECT_LT(number("peak_resident_mb"), is_sanitized ? 4000 : 200);
  EXPECT_EQ(number("pool_requests_after_step_3"), 0);
  EXPECT_EQ(json.at("config"), "small.yaml");
  EXPECT_TRUE(json.contains("blas") && json.contains("cpu"));
}

TEST_F(BenchTest, LongerThanTheTrainingItStartsAgain) {
  EXPECT_EQ(run({"bench", "small.yaml", "train.max_steps=2", "--steps", "3"}).status, 0);
}

TEST_F(BenchTest, ProfilesByOp) {
  const Outcome outcome = run({"bench", "small.yaml", "--steps", "7", "--profile"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto rows = table_of(outcome.out);
  // Calls and milliseconds forward, calls and milliseconds backward, milliseconds, share.
  for (const auto& [op, calls] : std::map<std::string, int>{{"linear", 10 * 7},
                                                            {"packed_attention", 2 * 7},
                                                            {"layer_norm", 5 * 7},
                                                            {"gather_rows", 7},
                                                            {"cross_entropy", 7}}) {
    ASSERT_TRUE(rows.contains(op)) << outcome.out;
    ASSERT_EQ(rows.at(op).size(), 6u) << outcome.out;
    EXPECT_EQ(rows.at(op)[0], std::to_string(calls)) << op;
    EXPECT_EQ(rows.at(op)[2], std::to_string(calls)) << op;
  }
  for (const std::string part : {"walk", "batch", "optimizer", "rest", "all"}) EXPECT_TRUE(rows.contains(part)) << part;
  EXPECT_GE(std::stod(rows.at("rest")[0]), 0);
  EXPECT_NEAR(sum_of_shares(rows), 100, 0.05 * static_cast<double>(rows.size()));  // each is rounded to 0.1
}

TEST_F(BenchTest, AProfiledTrainingIsTheSameTraining) {
  const Arguments train = {"train", "small.yaml", "train.max_steps=5", "--run", "plain"};
  Arguments profiled = train;
  profiled.back() = "profiled";
  profiled.push_back("--profile");
  EXPECT_EQ(run(train).status, 0);
  const Outcome outcome = run(profiled);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(bits_of(folder.path / "profiled"), bits_of(folder.path / "plain"));
  const auto rows = table_of(outcome.out);
  // Evaluation is no training: it is in the rest.
  EXPECT_EQ(rows.at("linear")[0], "50") << outcome.out;
  EXPECT_NEAR(sum_of_shares(rows), 100, 0.05 * static_cast<double>(rows.size()));

  const Outcome resumed = run({"train", "--resume", "profiled", "train.max_steps=6", "--profile"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(table_of(resumed.out).at("linear")[0], "10") << resumed.out;
}

TEST_F(BenchTest, ExportsWhatAnotherFrameworkNeedsToRepeatIt) {
  const Outcome outcome = run({"bench", "small.yaml", "--steps", "2", "--warm-up", "3", "--export", "a/b"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Outcome trained =
      run({"train", "small.yaml", "train.log_every=1", "train.max_steps=60", "checkpoint.every=1", "--run", "run"});
  ASSERT_EQ(trained.status, 0) << trained.err;

  const SafetensorsFile exported = read_safetensors(folder.path / "a/b/steps.safetensors");
  EXPECT_EQ(exported.metadata.at("mask"), "none");
  std::map<std::string, std::vector<double>> steps;
  for (const NamedTensor& x : exported.tensors) steps[x.name] = x.value.to_vector();
  ASSERT_EQ(steps.at("losses").size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    const auto line = nlohmann::json::parse(lines_of(metrics_of(folder.path / "run")).at(i));
    EXPECT_EQ(steps.at("losses")[i], line.at("train/loss").get<double>());
    EXPECT_EQ(steps.at("learning_rates")[i], line.at("optim/lr").get<double>());
  }
  ASSERT_EQ(steps.at("inputs").size(), 5u * 32 * 6);
  for (size_t i = 0; i < steps.at("inputs").size(); ++i) {  // the task is to reverse
    EXPECT_EQ(steps.at("targets")[i], steps.at("inputs")[i / 6 * 6 + 5 - i % 6]);
  }

  const SafetensorsFile weights = read_safetensors(folder.path / "a/b/weights.safetensors");
  std::set<std::string> decayed;
  std::istringstream words(weights.metadata.at("decayed"));
  for (std::string word; words >> word;) decayed.insert(word);
  for (const NamedTensor& x : weights.tensors) {  // matrices but for tables
    EXPECT_EQ(decayed.contains(x.name), x.value.rank() == 2 && !x.name.starts_with("input.")) << x.name;
    if (x.name.ends_with(".gain")) {
      EXPECT_EQ(x.value.to_vector(), std::vector<double>(16, 1.0)) << "these are not the initial weights";
    }
  }
  const SafetensorsFile trained_weights = read_safetensors(folder.path / "run/checkpoints/step-5/weights.safetensors");
  const SafetensorsFile final_weights = read_safetensors(folder.path / "a/b/final_weights.safetensors");
  ASSERT_EQ(final_weights.tensors.size(), trained_weights.tensors.size());
  for (size_t i = 0; i < final_weights.tensors.size(); ++i) {
    EXPECT_EQ(final_weights.tensors[i].value.to_vector(), trained_weights.tensors[i].value.to_vector());
  }
  EXPECT_EQ(run({"describe", "a/b/config.yaml"}).out, run({"describe", "small.yaml"}).out);
}

TEST_F(BenchTest, WrongUse) {
  refuses({"bench"}, "transformlet bench: CONFIG is required (see transformlet bench --help)");
  refuses({"bench", "small.yaml", "--steps", "0"},
          "transformlet bench: --steps: must be an integer of at least 1, not '0' (see transformlet bench --help)");
  refuses({"bench", "small.yaml", "--warm-up", "2"},
          "transformlet bench: --warm-up: must be an integer of at least 3, not '2' (see transformlet bench --help)");
  refuses({"bench", "small.yaml", "steps=3"}, "override 'steps=3': steps: unknown key");
  refuses({"bench", "nowhere.yaml"}, "nowhere.yaml: there is no such file");
  const Outcome unwritable = run({"bench", "small.yaml", "--json", "no/such.json"});
  EXPECT_EQ(unwritable.status, 1);
  EXPECT_EQ(unwritable.err, "error: no/such.json: cannot be written: No such file or directory\n");
  EXPECT_EQ(unwritable.out, "");
  EXPECT_EQ(number_of_entries(folder.path), 1u);
}

TEST_F(BenchTest, DivergingIsSaid) {
  const Outcome outcome = run({"bench", "small.yaml", "optimizer.name=sgd", "optimizer.learning_rate=1e30"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(outcome.err.starts_with("error: bench: diverged at step ")) << outcome.err;
}

}  // namespace
}  // namespace transformlet
