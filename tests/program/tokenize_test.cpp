// transformlet tokenize: learning, encoding, decoding, and what is said when that cannot be.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

class Tokenize : public testing::Test {
 protected:
  Tokenize() {
    std::string text;
    for (int i = 0; i < 50; ++i) text += fmt::format("The {}th line of the text, l'été\n", i);
    write_bytes(folder.path / "text", text);
  }

  Outcome run(Arguments arguments) const {
    arguments.insert(arguments.begin(), "tokenize");
    return run_program(folder.path, arguments);
  }
  void refuses(const Arguments& arguments, const std::string& message) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << message;
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

TEST_F(Tokenize, LearnsEncodesAndDecodes) {
  const Outcome learned = run({"train", "text", "--vocab-size", "280", "--output", "t.json"});
  EXPECT_EQ(learned.status, 0) << learned.err;
  EXPECT_TRUE(learned.out.starts_with("t.json: 280 tokens; the 1740 bytes are ")) << learned.out;
  const std::string file = bytes_of_file(folder.path / "t.json");
  EXPECT_EQ(run({"train", "text", "--vocab-size", "280", "--output", "t.json"}).status, 0);
  EXPECT_EQ(bytes_of_file(folder.path / "t.json"), file);

  const Outcome ids = run({"encode", "t.json", "text"});
  EXPECT_EQ(ids.status, 0) << ids.err;
  EXPECT_EQ(ids.out.find_first_not_of("0123456789 "), ids.out.size() - 1);
  write_bytes(folder.path / "ids", ids.out);
  EXPECT_EQ(run({"decode", "t.json", "ids"}).out, bytes_of_file(folder.path / "text"));
  EXPECT_EQ(run({"encode", "bytes", "ids"}).out.substr(0, 3), fmt::format("{} ", int{ids.out[0]}));
}

TEST_F(Tokenize, SaysThatTheTextIsTooSmall) {
  write_bytes(folder.path / "small", "aaaa");
  const Outcome outcome = run({"train", "small", "--vocab-size", "999", "--output", "t.json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "warning: the text has no more than 258 different tokens\n");
}

TEST_F(Tokenize, RefusesWhatItCannotDo) {
  refuses({}, "transformlet tokenize: A subcommand is required (see transformlet tokenize --help)");
  refuses({"train", "text", "--vocab-size", "255", "--output", "t.json"},
          "transformlet tokenize train: --vocab-size: must be an integer of at least 256, not '255' (see transformlet "
          "tokenize train --help)");
  refuses({"train", "none", "--vocab-size", "256", "--output", "t.json"}, "none: there is no such file");
  refuses({"encode", "none.json", "text"}, "none.json: there is no such file");
  refuses({"encode", "bytes", "none"}, "none: the file cannot be read");
  refuses({"encode", "bytes", "."}, ".: it is a folder");
  write_bytes(folder.path / "words", "1 2 three");
  refuses({"decode", "bytes", "words"}, "tokenize decode: 'three' is no id of a token");
  write_bytes(folder.path / "ids", "1 256");
  refuses({"decode", "bytes", "ids"}, "tokenize decode: the tokenizer has no token 256");
}

}  // namespace
}  // namespace transformlet
