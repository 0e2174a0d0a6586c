// `transformlet generate`: what comes out, and what is refused.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

class Generate : public testing::Test {
 protected:
  Generate() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "abcdefgh\n";
    write_bytes(folder.path / "text.txt", text);
    write_bytes(folder.path / "text.yaml",
                "task: {name: text, path: text.txt, tokenizer: characters, seq_len: 12}\n"
                "model: {kind: decoder, num_layers: 1, num_heads: 2, d_model: 32, init_deviation: 0.2}\n"
                "optimizer: {name: adamw, learning_rate: 1.0e-2}\n"
                "train: {max_steps: 150, batch_size: 8}\n");
    const Outcome trained = run_program(folder.path, {"train", "text.yaml", "--run", "run"});
    EXPECT_EQ(trained.status, 0) << trained.err;
  }

  Outcome generate(const Arguments& words) const {
    Arguments arguments = {"generate", "run"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_program(folder.path, arguments);
  }

  void refuses(const Arguments& words, const std::string& message) const {
    const Outcome outcome = generate(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

// A text that repeats itself is learned: longer than the model reads at a time, and with or without a cache the same.
TEST_F(Generate, WritesWhatItHasLearned) {
  const std::string learned = "abcdefgh\nabcdefgh\nabcdefgh\nabc";
  for (const Arguments& more : {Arguments{}, Arguments{"--no-cache"}}) {
    Arguments words = {"--prompt", "abc", "--max-tokens", "27", "--temperature", "0"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = generate(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, learned + "\n");
    EXPECT_TRUE(outcome.err.starts_with("27 tokens at ")) << outcome.err;
  }
}

TEST_F(Generate, StopsAfterAText) {
  const Outcome outcome = generate({"--prompt", "abc", "--temperature", "0", "--stop", "h\na"});
  EXPECT_EQ(outcome.out, "abcdefgh\na\n");
}

TEST_F(Generate, IsAFunctionOfTheSeedAndTakesSeveralPrompts) {
  const Arguments words = {"--prompt", "a", "--prompt", "gh", "--temperature", "3", "--max-tokens", "40", "--seed"};
  const auto with_seed = [&](const std::string& seed) {
    Arguments all = words;
    all.push_back(seed);
    return generate(all).out;
  };
  const std::string one = with_seed("1");
  EXPECT_TRUE(one.starts_with("a")) << one;
  EXPECT_NE(one.find("\n---\ngh"), std::string::npos) << one;
  EXPECT_EQ(one, with_seed("1"));
  EXPECT_NE(one, with_seed("2"));
  const Outcome narrow = generate({"--prompt", "abc", "--temperature", "3", "--top-k", "1", "--max-tokens", "6"});
  EXPECT_EQ(narrow.out, "abcdefgh\n\n");
}

TEST_F(Generate, WrongUse) {
  refuses({"--prompt", "abx"}, "generate: the prompt's byte 2: the tokenizer does not know the character 'x' (U+0078)");
  refuses({"--prompt", ""}, "generate: the prompt is empty; give at least one character");
  refuses({"--temperature", "-1"}, "generate: --temperature must lie between 0 and 1000000, not -1");
  refuses({"--top-p", "1.5"}, "generate: --top-p must lie between 0 and 1, not 1.5");
  refuses({"--checkpoint", "7"}, "generate: run has no checkpoint '7'; give newest, best or a saved step");
  write_bytes(folder.path / "small.yaml", small_config);
  EXPECT_EQ(run_program(folder.path, {"train", "small.yaml", "train.max_steps=1", "--run", "other"}).status, 0);
  const Outcome other = run_program(folder.path, {"generate", "other"});
  EXPECT_EQ(other.status, 2);
  EXPECT_EQ(other.err, "generate: other has no tokenizer.json: its task is not one of text\n");
}

}  // namespace
}  // namespace transformlet
