// What may stand in a config as YAML, and files that are no config.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "tests/train/config_example.h"
#include "train/config/reader.h"

namespace transformlet {
namespace {

TEST(ConfigText, DuplicateKeysAtEveryLevel) {
  EXPECT_EQ(example_error(smallest_example + "optimizer: {betas: [0, 0], 'betas': [1, 1]}\nmodel: {}\nmodel: {}\n"),
            "c.yaml:3:28: optimizer.betas: duplicate key (it was given at 3:13)\n"
            "c.yaml:5:1: model: duplicate key (it was given at 4:1)");
  EXPECT_EQ(example_error(smallest_example + "nonsense: [{a: 1, a: 2}]"),
            "c.yaml:3:1: nonsense: unknown key\n"
            "c.yaml:3:19: nonsense[0].a: duplicate key (it was given at 3:13)");
  EXPECT_EQ(example_error(smallest_example + "nonsense: 1\nnonsense: 2"),
            "c.yaml:3:1: nonsense: unknown key\n"
            "c.yaml:4:1: nonsense: duplicate key (it was given at 3:1)");
}

TEST(ConfigText, KeysAreWords) {
  EXPECT_EQ(example_error(smallest_example + "[a]: 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(example_error(smallest_example + "~: 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(example_error(smallest_example + "'': 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(example_error(smallest_example + "3: 1\n"), "c.yaml:3:1: 3: unknown key");
}

TEST(ConfigText, AliasesShareButNeverGrow) {
  EXPECT_EQ(
      read_example("task: {name: copy}\ntrain: {max_steps: &n 10, seeds: &s [3], stop_after: *n}\n").train.stop_after,
      10);
  EXPECT_EQ(example_error(smallest_example + "model: &m {num_heads: *m}"),
            "c.yaml:3:23: model.num_heads: an alias cannot stand inside what it stands for");
  EXPECT_EQ(example_error("seed: *nowhere"), "c.yaml:1:7: not YAML: the referenced anchor is not defined");
  EXPECT_EQ(example_error(smallest_example + "model:\n  <<: {num_heads: 2}\n"),
            "c.yaml:4:3: model.<<: unknown key (merge keys are not supported)");
  // A billion laughs: 9 levels of 9 aliases each.
  std::string text = smallest_example + "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    text += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 9; ++k) text += fmt::format("*a{}, ", i - 1);
    text += "]\n";
  }
  EXPECT_TRUE(example_error(text).starts_with("c.yaml:3:1: a0: unknown key\n"));
}

TEST(ConfigText, NoTags) {
  EXPECT_EQ(example_error(smallest_example + "seed: !!int 3"),
            "c.yaml:3:7: seed: tags such as tag:yaml.org,2002:int are not allowed");
  EXPECT_EQ(example_error(smallest_example + "model: !m {}"), "c.yaml:3:8: model: tags such as !m are not allowed");
}

TEST(ConfigText, TextThatIsNoConfig) {
  EXPECT_EQ(example_error(""), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(example_error("# nothing here\n"), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(example_error("---\n"), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(example_error("seed: [1, 2"),
            "c.yaml:1:7: seed: not YAML: what starts here is not closed, or lacks a comma");
  EXPECT_EQ(example_error("seed: 1\n\ttrain: 2\n"), "c.yaml:2:1: not YAML: illegal tab when looking for indentation");
  EXPECT_EQ(example_error(smallest_example + "---\nseed: 2\n"),
            "c.yaml:3:1: a second document starts here; a config is one (is the indentation right?)");
  EXPECT_EQ(example_error(std::string("seed: \0", 7)), "c.yaml:1:7: control character 0x00");
  EXPECT_EQ(example_error("seed: 1\nlabel: \xff\n"), "c.yaml:2:8: byte 0xff is not UTF-8 text");
  EXPECT_EQ(example_error("label: \xed\xa0\x80"), "c.yaml:1:8: byte 0xed is not UTF-8 text");
  EXPECT_EQ(example_error(std::string(1 << 20, '#')), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(example_error(std::string((1 << 20) + 1, '#')), "c.yaml: larger than 1 MiB: this is no config");
}

TEST(ConfigText, QuotesMustBeClosed) {
  EXPECT_EQ(example_error(smallest_example + "label: \"run\n"), "c.yaml:3:1: label: not YAML: a quote is not closed");
  EXPECT_EQ(example_error(smallest_example + "label: 'run \n\n"), "c.yaml:3:1: label: not YAML: a quote is not closed");
}

TEST(ConfigText, BlocksOfTextKeepTheirLastLineEnd) {
  EXPECT_EQ(read_example(smallest_example + "label: |\n  a\n  b\n").label, "a\nb\n");
}

TEST(ConfigText, NestingIsBounded) {
  EXPECT_EQ(example_error(smallest_example + "a: " + std::string(31, '[') + std::string(31, ']')),
            "c.yaml:3:1: a: unknown key");
  EXPECT_EQ(example_error(smallest_example + "a: " + std::string(32, '[') + std::string(32, ']')),
            "c.yaml:3:35: nested more than 32 deep");
  EXPECT_EQ(example_error("a: " + std::string(100000, '[')), "c.yaml:1:20: nested more than 32 deep");
  EXPECT_EQ(example_error(std::string(100000, '{')), "c.yaml:1:32: nested more than 32 deep");
  std::string dashes;
  for (int i = 0; i < 100000; ++i) dashes += "- ";
  EXPECT_EQ(example_error(dashes), "c.yaml:1:65: nested more than 32 deep");
}

TEST(ConfigText, WindowsLineEndsAndByteOrderMarksDoNotMatter) {
  EXPECT_EQ(
      read_example("\xef\xbb\xbftask: {name: copy}\r\ntrain:\r\n  max_steps: 7\r\n  tags: [a]\r\n").train.max_steps, 7);
}

TEST(ConfigText, MessagesStayOnOneLine) {
  EXPECT_EQ(example_error(smallest_example + "\"a\\nb\": 1\n"), "c.yaml:3:1: a\\nb: unknown key");
  EXPECT_EQ(example_error(smallest_example + "seed: \"1\\t\\e\\n2\"\n"),
            "c.yaml:3:7: seed: expected an integer, found the string '1\\t\\x1b\\n2'");
  EXPECT_EQ(example_error(smallest_example + "seed: " + std::string(500, 'x') + "\n"),
            "c.yaml:3:7: seed: expected an integer, found '" + std::string(80, 'x') + "...'");
}

TEST(ConfigFile, ThatCannotBeRead) {
  const auto file_error = [](const std::string& path) -> std::string {
    try {
      read_config_file<ExampleConfig>(path);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(file_error("/nowhere/c.yaml"), "/nowhere/c.yaml: there is no such file");
  EXPECT_EQ(file_error(""), ": there is no such file");
  EXPECT_EQ(file_error("/proc"), "/proc: this is a directory, not a config file");
  EXPECT_EQ(file_error("/dev/zero"), "/dev/zero: larger than 1 MiB: this is no config");
  EXPECT_EQ(file_error("/proc/self/mem"), "/proc/self/mem: the file cannot be read: Input/output error");
}

TEST(ConfigFile, Reads) {
  const std::string path = testing::TempDir() + "transformlet_config_reader_test.yaml";
  std::ofstream(path) << smallest_example;
  EXPECT_EQ(read_config_file<ExampleConfig>(path, {"seed=3"}).seed, 3);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace transformlet
