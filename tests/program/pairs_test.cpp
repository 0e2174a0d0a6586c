// A task of pairs from end to end: trained, evaluated, written with.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

// Every string of two and of four letters of four, and the same in capitals.
std::string capitals() {
  std::string text;
  const auto add = [&](std::string source) {
    std::string target = source;
    for (char& letter : target) letter = static_cast<char>(letter - 'a' + 'A');
    text += source + "\t" + target + "\n";
  };
  for (const char a : {'a', 'b', 'c', 'd'}) {
    for (const char b : {'a', 'b', 'c', 'd'}) {
      add({a, b});
      for (const char c : {'a', 'b', 'c', 'd'})
        for (const char d : {'a', 'b', 'c', 'd'}) add({a, b, c, d});
    }
  }
  return text;
}

class Pairs : public testing::Test {
 protected:
  Pairs() {
    write_bytes(folder.path / "pairs.tsv", capitals());
    write_bytes(folder.path / "pairs.yaml",
                "task: {name: pairs, path: pairs.tsv, val_fraction: 0.1, test_fraction: 0.2}\n"
                "model: {kind: encoder_decoder, num_layers: 1, num_heads: 2, d_model: 32}\n"
                "optimizer: {name: adamw, learning_rate: 5.0e-3}\n"
                "schedule: {name: cosine, warmup_steps: 20}\n"
                "train: {max_steps: 300, batch_size: 16}\n");
    trained = run_program(folder.path, {"train", "pairs.yaml", "--run", "run"});
    EXPECT_EQ(trained.status, 0) << trained.err;
  }

  void refuses(const Arguments& words, const std::string& message) const {
    Arguments arguments = {"generate", "run"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Outcome outcome = run_program(folder.path, arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  static double number_after(const std::string& json, const std::string& name) {
    const size_t at = json.find('"' + name + "\": ");
    return at == json.npos ? NAN : std::stod(json.substr(at + name.size() + 4));
  }

  TemporaryFolder folder;
  Outcome trained;
};

TEST_F(Pairs, AreLearnedEvaluatedAndWritten) {
  // 69 sources that training has not seen. An untrained model writes none of them.
  const std::string metrics = bytes_of_file(folder.path / "run" / "metrics.jsonl");
  for (const char* const prefix : {"val/greedy_", "test/greedy_", "test/beam_"}) {
    EXPECT_GT(number_after(metrics, prefix + std::string("exact")), 0.8) << metrics;
    EXPECT_LT(number_after(metrics, prefix + std::string("token_error_rate")), 0.1) << metrics;
  }
  EXPECT_NE(trained.out.find(" sources right, token error rate "), std::string::npos) << trained.out;
  const Outcome evaluated = run_program(folder.path, {"evaluate", "run", "evaluate.beam=2"});
  EXPECT_NE(evaluated.out.find("\ngreedy: "), std::string::npos) << evaluated.out;
  EXPECT_NE(evaluated.out.find("\nbeam of 2: "), std::string::npos) << evaluated.out;
  const Outcome written =
      run_program(folder.path, {"generate", "run", "--prompt", "dabc", "--prompt", "cbad", "--beam", "3"});
  EXPECT_EQ(written.out, "DABC\nCBAD\n") << written.err;
}

// Every layer that reads the source is given one.
TEST_F(Pairs, GradientsAreRight) {
  const Outcome checked =
      run_program(folder.path, {"gradcheck", "pairs.yaml", "gradcheck.masks=[none, padding]", "gradcheck.order=2"});
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
  EXPECT_EQ(checked.out.find("audit"), std::string::npos) << checked.out;
}

TEST_F(Pairs, WrongUse) {
  refuses({}, "generate: give a source: --prompt TEXT");
  refuses({"--prompt", "abx"}, "generate: the prompt 'abx': 'x' is not in the vocabulary");
  refuses({"--prompt", "abcda"}, "generate: the prompt 'abcda': the source has 5 symbols, and source_len is 4");
  refuses({"--prompt", ""}, "generate: the prompt '': the source is empty");
  refuses({"--prompt", "ab", "--temperature", "0.5"},
          "generate: nothing is drawn for a source; of the options on writing only --beam goes with it");
  const Outcome decoder = run_program(folder.path, {"train", "pairs.yaml", "model={kind: decoder}"});
  EXPECT_EQ(decoder.status, 2);
  EXPECT_NE(decoder.err.find("reads no source, and this task has one"), std::string::npos) << decoder.err;
  const Outcome exported = run_program(folder.path, {"bench", "pairs.yaml", "--steps", "3", "--export", "steps"});
  EXPECT_EQ(exported.status, 1);
  EXPECT_EQ(exported.err, "error: bench: this task's batches have a source, for which --export has no place\n");
}

}  // namespace
}  // namespace transformlet
