// Configs that are wrong. Each file of tests/program/bad_configs begins with what the program must say about it; then
// it must leave with 2, at once, and without a trace.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr double longest_refusal = is_sanitized ? 10 : 2;  // seconds

// The program refuses to train, says exactly this, prints nothing else and makes nothing.
void expect_refusal(const fs::path& folder, const Arguments& words, const std::string& expected) {
  const size_t entries = number_of_entries(folder);
  Arguments arguments = {"train"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const Outcome outcome = run_program(folder, arguments);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, expected);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(number_of_entries(folder), entries) << "something was made";
  EXPECT_LT(outcome.seconds, longest_refusal);
}

// The expected lines: those at the top of the file that begin with "# expect: ".
std::string expectation_of(const std::string& text) {
  constexpr std::string_view start = "# expect: ";
  std::string expected;
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with(start)) break;
    expected += line.substr(start.size()) + "\n";
  }
  return expected;
}

TEST(BadConfigs, EachIsRefusedWithItsMessage) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(source_path("tests/program/bad_configs"))) {
    SCOPED_TRACE(entry.path().filename().string());
    const TemporaryFolder folder;
    const std::string text = bytes_of_file(entry.path()), expected = expectation_of(text);
    ASSERT_NE(expected, "");
    write_bytes(folder.path / entry.path().filename(), text);
    expect_refusal(folder.path, {entry.path().filename().string()}, expected);
    ++files;
  }
  EXPECT_GE(files, 60u);  // an empty walk proves nothing
}

TEST(BadConfigs, FilesThatAreNoConfigs) {
  using namespace std::string_literals;
  const TemporaryFolder folder;
  fs::create_directory(folder.path / "folder.yaml");
  fs::create_symlink("nowhere", folder.path / "dangling.yaml");
  write_bytes(folder.path / "empty.yaml", "");
  write_bytes(folder.path / "blank.yaml", "\n\n  \n");
  write_bytes(folder.path / "nul.yaml", "task: {name: reverse}\nseed: 4\0\n"s);
  write_bytes(folder.path / "binary.yaml",
              "\x7f"
              "ELF\2\1\1\0\0\0"s);
  write_bytes(folder.path / "latin1.yaml", "# M\xfcnchen\ntask: {name: reverse}\n");
  write_bytes(folder.path / "utf16.yaml", "\xff\xfet\0a\0"s);
  write_bytes(folder.path / "long.yaml", std::string((1 << 20) + 1, '#'));
  const auto refuses = [&](const std::string& file, const std::string& message) {
    SCOPED_TRACE(file);
    expect_refusal(folder.path, {file}, file + message + "\n");
  };
  refuses("missing.yaml", ": there is no such file");
  refuses("dangling.yaml", ": there is no such file");
  refuses("empty.yaml/config.yaml", ": there is no such file");
  refuses("folder.yaml", ": this is a directory, not a config file");
  refuses("empty.yaml", ":1:1: the config is empty");
  refuses("blank.yaml", ":1:1: the config is empty");
  refuses("nul.yaml", ":2:8: control character 0x00");
  refuses("binary.yaml", ":1:1: control character 0x7f");
  refuses("latin1.yaml", ":1:4: byte 0xfc is not UTF-8 text");
  refuses("utf16.yaml", ":1:1: byte 0xff is not UTF-8 text");
  refuses("long.yaml", ": larger than 1 MiB: this is no config");
  refuses("/dev/null", ":1:1: the config is empty");
  refuses("/dev/zero", ": larger than 1 MiB: this is no config");
}

TEST(BadConfigs, Overrides) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "good.yaml", "task: {name: reverse}\n");
  const auto refuses = [&](const std::string& override_text, const std::string& message) {
    SCOPED_TRACE(override_text);
    expect_refusal(folder.path, {"good.yaml", override_text},
                   fmt::format("override '{}': {}\n", override_text, message));
  };
  refuses("=3", "an override is key.path=value");
  refuses("abc", "an override is key.path=value");
  refuses("train..max_steps=3", "an override is key.path=value");
  refuses(".=3", "an override is key.path=value");
  refuses("colour=blue", "colour: unknown key");
  refuses("train.max_stepz=3", "train.max_stepz: unknown key (did you mean max_steps?)");
  refuses("train.max_steps=three", "train.max_steps: expected an integer, found 'three'");
  refuses("train.max_steps=", "train.max_steps: expected an integer, found nothing");
  refuses("train.max_steps=0", "train.max_steps: must be at least 1, not 0");
  refuses("train=3", "train: expected a map, found '3'");
  refuses("seed.a=3", "seed: expected an integer, found a map");
  refuses("optimizer.betas=[0.9", "optimizer.betas: not YAML: what starts here is not closed, or lacks a comma");
  refuses("optimizer.momentum=0.9", "optimizer.momentum: unknown key where name is adam");
  refuses("task.name=revers",
          "task.name: must be one of addition, chebyshev, copy, dyck, in_context_regression, labelled, "
          "linear_regression, modular, pairs, parity, "
          "recall, repeat, reverse, sort, text, window_sum, not 'revers' (did you mean reverse?)");
}

TEST(BadConfigs, MistakesOfFileAndOverridesAreReportedTogether) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "wrong.yaml", "task: {name: reverse}\nseed: -1\n");
  expect_refusal(folder.path, {"wrong.yaml", "train.max_steps=x", "abc"},
                 "wrong.yaml:2:7: seed: must be at least 0, not -1\n"
                 "override 'train.max_steps=x': train.max_steps: expected an integer, found 'x'\n"
                 "override 'abc': an override is key.path=value\n");
}

// The other commands that take a config refuse it in the same words.
TEST(BadConfigs, EveryCommandRefusesThem) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "wrong.yaml", "task: {name: reverse}\nseed: -1\n");
  for (const std::string command : {"describe", "gradcheck"}) {
    const Outcome outcome = run_program(folder.path, {command, "wrong.yaml"});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, "wrong.yaml:2:7: seed: must be at least 0, not -1\n");
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace transformlet
