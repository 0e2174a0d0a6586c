// `transformlet memories`: what it shows of a run, and what it refuses.
#include <gtest/gtest.h>

#include <regex>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

class MemoriesOfARun : public testing::Test {
 protected:
  Outcome train(const std::string& config, const Arguments& more) const {
    write_bytes(folder.path / "config.yaml", config);
    Arguments arguments = {"train", "config.yaml", "--run", "run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(folder.path, arguments);
  }

  TemporaryFolder folder;
};

// Of a text that repeats itself the token that follows is known.
TEST_F(MemoriesOfARun, AreShownAsTexts) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "abcdefgh\n";
  write_bytes(folder.path / "text.txt", text);
  const Outcome trained = train(
      "task: {name: text, path: text.txt, tokenizer: characters, seq_len: 12}\n"
      "model: {kind: decoder, num_layers: 2, num_heads: 2, d_model: 32, init_deviation: 0.2}\n"
      "optimizer: {name: adamw, learning_rate: 1.0e-2}\n"
      "train: {max_steps: 20, batch_size: 8}\n",
      {});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const Outcome outcome = run_program(folder.path, {"memories", "run", "--top", "3", "--layer", "0"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with(
      "decoder.blocks.0.feed_forward at step 20: 3 of 128 units, those that write most on 8 examples\n"))
      << outcome.out;
  const std::regex trigger(R"(  triggered +[0-9.]+ by '[a-h\\n]*([a-h]|\\n)', then '([a-h]|\\n)')");
  const std::string cycle = "abcdefgh\n";
  size_t triggers = 0, values = 0;
  for (const std::string& line : lines_of(outcome.out)) {
    values += line.starts_with("  promotes '");
    if (!line.starts_with("  triggered")) continue;
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, trigger)) << line;
    const auto character = [&](int i) { return match[i] == "\\n" ? '\n' : match[i].str()[0]; };
    EXPECT_EQ(character(2), cycle[(cycle.find(character(1)) + 1) % cycle.size()]) << line;
    ++triggers;
  }
  EXPECT_EQ(values, 3u);
  EXPECT_EQ(triggers, 15u);
  const Outcome last = run_program(folder.path, {"memories", "run"});
  EXPECT_TRUE(last.out.starts_with("decoder.blocks.1.feed_forward at step 20: 10 of 128 units")) << last.out;
  const Outcome beyond = run_program(folder.path, {"memories", "run", "--layer", "2"});
  EXPECT_EQ(beyond.status, 2);
  EXPECT_EQ(beyond.err, "memories: there is no layer 2; there are 0 to 1\n");
}

TEST_F(MemoriesOfARun, AreOfDecoders) {
  ASSERT_EQ(train(small_config, {"train.max_steps=1"}).status, 0);
  const Outcome outcome = run_program(folder.path, {"memories", "run"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "memories: run has a model of kind encoder; values can be read as classes of a decoder\n");
}

}  // namespace
}  // namespace transformlet
