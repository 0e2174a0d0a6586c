// Language models of texts: same bits after a resume, the run's own tokenizer, bits per byte.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr const char* text_config = R"(
seed: 7
task: {name: text, path: text.txt, tokenizer: t.json, seq_len: 8, val_fraction: 0.2, test_fraction: 0.1}
model: {kind: decoder, num_layers: 1, num_heads: 2, d_model: 16, dropout: 0.1}
optimizer: {name: adamw, learning_rate: 1.0e-2, weight_decay: 0.1, clip_norm: 1.0}
train: {max_steps: 40, batch_size: 4, log_every: 3}
evaluate: {every: 7}
checkpoint: {every: 10, keep_last: null}
)";

class TextRun : public testing::Test {
 protected:
  TextRun() {
    std::string text;
    for (int i = 0; i < 60; ++i) text += fmt::format("{} green bottles, hanging on the wall\n", i * i);
    write_bytes(folder.path / "text.txt", text);
    write_bytes(folder.path / "text.yaml", text_config);
    const Outcome learned =
        run_program(folder.path, {"tokenize", "train", "text.txt", "--vocab-size", "270", "--output", "t.json"});
    EXPECT_EQ(learned.status, 0) << learned.err;
  }

  void train(const std::string& run, const Arguments& overrides = {}) const {
    train_run(folder.path, "text.yaml", run, overrides);
  }
  void expect_equal_runs(const std::string& a, const std::string& b) const {
    expect_equal(bits_of(folder.path / a), bits_of(folder.path / b));
  }

  TemporaryFolder folder;
};

TEST_F(TextRun, ThreadsAndStopsChangeNothing) {
  train("whole", {"train.threads=1"});
  train("threads", {"train.threads=3"});
  expect_equal_runs("whole", "threads");
  train("other", {"seed=8"});
  EXPECT_NE(bits_of(folder.path / "whole").at("metrics.jsonl"), bits_of(folder.path / "other").at("metrics.jsonl"));

  // The run has its tokenizer: what it came from may be gone, or have become another.
  EXPECT_EQ(bytes_of_file(folder.path / "whole" / "tokenizer.json"), bytes_of_file(folder.path / "t.json"));
  fs::remove(folder.path / "t.json");
  for (int step = 30; step >= 0; step -= 10) {
    for (int later = step + 10; later <= 40; later += 10)
      fs::remove_all(folder.path / "threads" / "checkpoints" / fmt::format("step-{}", later));
    const Outcome resumed = run_program(folder.path, {"train", "--resume", "threads"});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    expect_equal_runs("whole", "threads");
  }
}

TEST_F(TextRun, MeasuresBitsPerByte) {
  train("run", {"task.tokenizer=bytes", "task.test_fraction=0"});
  nlohmann::json last;
  for (const std::string& line : lines_of(metrics_of(folder.path / "run"))) last = nlohmann::json::parse(line);
  const double loss = last.at("val/loss"), bits = last.at("val/bits_per_byte");
  EXPECT_DOUBLE_EQ(bits, loss / std::numbers::ln2);  // a token is a byte
  EXPECT_LT(bits, 6);  // it has learned that few of 256 bytes are used: 8 is what knows nothing

  train("pieces");
  const std::string text = bytes_of_file(folder.path / "text.txt");
  // The test split, its first token left out, in bytes and in tokens.
  const auto lines = lines_of(metrics_of(folder.path / "pieces"));
  last = nlohmann::json::parse(lines.back());
  const auto begin = static_cast<size_t>(static_cast<double>(text.size()) * (1 - 0.1));
  write_bytes(folder.path / "end", text.substr(begin));
  const std::string ids = run_program(folder.path, {"tokenize", "encode", "t.json", "end"}).out;
  write_bytes(folder.path / "rest", ids.substr(ids.find(' ')));
  const std::string rest = run_program(folder.path, {"tokenize", "decode", "t.json", "rest"}).out;
  EXPECT_EQ(last.at("test/positions"), std::count(ids.begin(), ids.end(), ' '));
  const double expected = last.at("test/loss").get<double>() * last.at("test/positions").get<double>() /
                          std::numbers::ln2 / static_cast<double>(rest.size());
  EXPECT_NEAR(last.at("test/bits_per_byte"), expected, 1e-12 * expected);  // the sum is divided in another order

  const Outcome evaluated = run_program(folder.path, {"evaluate", "pieces", "--split", "train"});
  EXPECT_EQ(evaluated.status, 0) << evaluated.err;
  EXPECT_NE(evaluated.out.find(" bits per byte\n"), std::string::npos) << evaluated.out;
}

}  // namespace
}  // namespace transformlet
