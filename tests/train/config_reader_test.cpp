// What the reader takes, and the exact words in which it refuses the rest.
#include "train/config/reader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/train/config_example.h"

namespace transformlet {
namespace {

static const Registered<ExampleTask, ExampleCopy> registered_copy;
static const Registered<ExampleTask, ExampleAddition> registered_addition;

ExampleConfig read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return read_config_text<ExampleConfig>("c.yaml", text, overrides);
}

// The whole text of the error, or "no error".
std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    read(text, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

// The error of one line in `train`, beside the keys that must be given.
std::string train_error(const std::string& line) {
  return error_of("task: {name: copy}\ntrain:\n  max_steps: 10\n  " + line + "\n");
}

TEST(ConfigReader, DefaultsAreInitialValues) {
  const ExampleConfig config = read(smallest_example);
  EXPECT_EQ(config.seed, 42);
  EXPECT_EQ(config.label, "run");
  EXPECT_EQ(dynamic_cast<ExampleCopy&>(*config.task).length, 8);
  EXPECT_EQ(std::get<ExampleAdam>(config.optimizer).learning_rate, 0.01);
  EXPECT_EQ(config.train.max_steps, 10);
  EXPECT_EQ(config.train.clip_norm, std::nullopt);
  EXPECT_EQ(config.train.seeds, (std::vector<int64_t>{1, 2}));
}

TEST(ConfigReader, ReadsEveryType) {
  const ExampleConfig config = read(R"(%YAML 1.2
---
# every type there is
seed: -9223372036854775808
label: "3"
task: {name: addition, modulus: +113, train_share: .25}
optimizer:
  name: adam
  learning_rate: 5e-4
  betas: [0.5, 0]
model: {num_heads: 2, d_model: 6, norm_position: post, dropout: 0.1}
train:
  max_steps: 1000
  warmup_steps: 999
  batch_size: 4096
  clip_norm: 1
  stop_after: ~
  compile: True
  milestones: [0, 0.5, 1.]
  seeds: []
  tags: ['yes', no, "1", a b, naïve]
)");
  EXPECT_EQ(config.seed, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(config.label, "3");
  EXPECT_EQ(config.task.name(), "addition");
  EXPECT_EQ(dynamic_cast<ExampleAddition&>(*config.task).modulus, 113);
  EXPECT_EQ(dynamic_cast<ExampleAddition&>(*config.task).train_share, 0.25);
  EXPECT_EQ(std::get<ExampleAdam>(config.optimizer).learning_rate, 5e-4);
  EXPECT_EQ(std::get<ExampleAdam>(config.optimizer).betas, (std::array<double, 2>{0.5, 0.0}));
  EXPECT_EQ(config.model.d_model, 6);
  EXPECT_EQ(config.train.clip_norm, 1.0);
  EXPECT_EQ(config.train.stop_after, std::nullopt);
  EXPECT_TRUE(config.train.compile);
  EXPECT_EQ(config.train.milestones, (std::vector<double>{0, 0.5, 1}));
  EXPECT_TRUE(config.train.seeds.empty());
  EXPECT_EQ(config.train.tags, (std::vector<std::string>{"yes", "no", "1", "a b", "naïve"}));
}

TEST(ConfigReader, AnotherAlternativeStartsFromItsOwnDefaults) {
  const ExampleConfig sgd = read(smallest_example + "optimizer: {name: sgd}\n");
  EXPECT_EQ(std::get<ExampleSgd>(sgd.optimizer).learning_rate, 0.1);
  // The default alternative keeps the values that the config gives it, and may leave its name out.
  const ExampleConfig adam = read(smallest_example + "optimizer: {learning_rate: 1}\n");
  EXPECT_EQ(std::get<ExampleAdam>(adam.optimizer).betas[1], 0.98);
}

TEST(ConfigReader, ReportsEverythingTogetherInTheOrderOfTheText) {
  EXPECT_EQ(error_of("seeed: 1\n"
                     "task: {name: addition, modulus: 1}\n"
                     "model: {num_heads: 0, dropout: 1, d_model: x}\n"
                     "train:\n"
                     "  batch_size: 12\n"
                     "  batch_size: 16\n"
                     "  tags: red\n",
                     {"seed=x"}),
            "c.yaml:1:1: seeed: unknown key (did you mean seed?)\n"
            "c.yaml:2:33: task.modulus: must be at least 2, not 1\n"
            "c.yaml:3:20: model.num_heads: must be at least 1, not 0\n"
            "c.yaml:3:32: model.dropout: must be less than 1, not 1\n"
            "c.yaml:3:44: model.d_model: expected an integer, found 'x'\n"
            "c.yaml:5:3: train.max_steps: required key is missing\n"
            "c.yaml:5:15: train.batch_size: must be a multiple of 8, not 12\n"
            "c.yaml:6:3: train.batch_size: duplicate key (it was given at 5:3)\n"
            "c.yaml:7:9: train.tags: expected a list, found 'red'\n"
            "override 'seed=x': seed: expected an integer, found 'x'");
}

TEST(ConfigReader, MissingKeysStandWhereTheirMapStands) {
  EXPECT_EQ(error_of("seed: 1\ntask: {}\n"),
            "c.yaml:1:1: train.max_steps: required key is missing\n"
            "c.yaml:2:7: task.name: required key is missing");
  EXPECT_EQ(error_of("train: {max_steps: 5}\ntask: {name: addition}\n"),
            "c.yaml:2:7: task.modulus: required key is missing");
}

TEST(ConfigReader, Integers) {
  EXPECT_EQ(train_error("stop_after: 1.5"), "c.yaml:4:15: train.stop_after: expected an integer, found '1.5'");
  const auto says = [](const std::string& value) {
    const std::string text = train_error("stop_after: " + value),
                      prefix = "c.yaml:4:15: train.stop_after: expected an integer, found ";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  };
  EXPECT_EQ(says("1e3"), "'1e3' (write 1000)");
  EXPECT_EQ(says("2.0"), "'2.0' (write 2)");
  EXPECT_EQ(says("1e300"), "'1e300'");
  EXPECT_EQ(says("\"3\""), "the string '3' (leave out the quotes)");
  EXPECT_EQ(says("'three'"), "the string 'three'");
  EXPECT_EQ(says("010"), "'010' (leave out leading zeros)");
  EXPECT_EQ(says("0x10"), "'0x10'");
  EXPECT_EQ(says("1_000"), "'1_000'");
  EXPECT_EQ(says("9223372036854775808"), "'9223372036854775808' (it does not fit in 64 bits)");
  EXPECT_EQ(says(".nan"), "'.nan'");
  EXPECT_EQ(says("-"), "a list");
  EXPECT_EQ(says("true"), "'true'");
  EXPECT_EQ(says("[1]"), "a list");
  EXPECT_EQ(says("{a: 1}"), "a map");
  EXPECT_EQ(says("9223372036854775807"), "no error");
  EXPECT_EQ(train_error("batch_size:"), "c.yaml:4:14: train.batch_size: expected an integer, found nothing");
  EXPECT_EQ(train_error("batch_size: null"), "c.yaml:4:15: train.batch_size: expected an integer, found nothing");
}

TEST(ConfigReader, Numbers) {
  const auto says = [](const std::string& value) {
    const std::string text = train_error("clip_norm: " + value), prefix = "c.yaml:4:14: train.clip_norm: ";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  };
  EXPECT_EQ(says(".inf"), "must be finite, not .inf");
  EXPECT_EQ(says("-.INF"), "must be finite, not -.INF");
  EXPECT_EQ(says("nan"), "must be finite, not nan");
  EXPECT_EQ(says("1e999"), "expected a number, found '1e999' (it is out of the range of float64)");
  EXPECT_EQ(says("'1.0'"), "expected a number, found the string '1.0' (leave out the quotes)");
  EXPECT_EQ(says("1,5"), "expected a number, found '1,5'");
  EXPECT_EQ(says("1.0f"), "expected a number, found '1.0f'");
  EXPECT_EQ(says("."), "expected a number, found '.'");
  EXPECT_EQ(says("1e"), "expected a number, found '1e'");
  EXPECT_EQ(says("0"), "must be greater than 0, not 0");
  EXPECT_EQ(says("5e-324"), "no error");
}

TEST(ConfigReader, Booleans) {
  EXPECT_EQ(train_error("compile: yes"),
            "c.yaml:4:12: train.compile: expected true or false, found 'yes' (did you mean true?)");
  EXPECT_EQ(train_error("compile: Off"),
            "c.yaml:4:12: train.compile: expected true or false, found 'Off' (did you mean false?)");
  EXPECT_EQ(train_error("compile: 'true'"),
            "c.yaml:4:12: train.compile: expected true or false, found the string 'true' (did you mean true?)");
  EXPECT_EQ(train_error("compile: 2"), "c.yaml:4:12: train.compile: expected true or false, found '2'");
  EXPECT_EQ(train_error("compile: FALSE"), "no error");
}

TEST(ConfigReader, Strings) {
  const auto says = [](const std::string& value) { return error_of("label: " + value + "\n" + smallest_example); };
  EXPECT_EQ(says("3"), "c.yaml:1:8: label: expected a string, found '3' (put it in quotes)");
  EXPECT_EQ(says("true"), "c.yaml:1:8: label: expected a string, found 'true' (put it in quotes)");
  EXPECT_EQ(says("1e-4"), "c.yaml:1:8: label: expected a string, found '1e-4' (put it in quotes)");
  EXPECT_EQ(says("null"), "c.yaml:1:8: label: expected a string, found nothing");
  EXPECT_EQ(says("3d"), "no error");
  EXPECT_EQ(says("''"), "no error");
  EXPECT_EQ(train_error("tags: [a, 1, [b]]"),
            "c.yaml:4:13: train.tags[1]: expected a string, found '1' (put it in quotes)\n"
            "c.yaml:4:16: train.tags[2]: expected a string, found a list");
}

TEST(ConfigReader, ListsOfTheWrongLength) {
  EXPECT_EQ(error_of(smallest_example + "optimizer: {betas: [0.9]}"),
            "c.yaml:3:20: optimizer.betas: expected a list of 2 numbers, found 1");
  EXPECT_EQ(error_of(smallest_example + "optimizer: {betas: 0.9}"),
            "c.yaml:3:20: optimizer.betas: expected a list of 2 numbers, found '0.9'");
  EXPECT_EQ(error_of(smallest_example + "optimizer: {betas: [0.9, 1]}"),
            "c.yaml:3:26: optimizer.betas[1]: must be less than 1, not 1");
}

TEST(ConfigReader, Variants) {
  EXPECT_EQ(error_of("task: {name: cpoy, length: 3}\ntrain: {max_steps: 1}"),
            "c.yaml:1:14: task.name: must be one of addition, copy, not 'cpoy' (did you mean copy?)");
  EXPECT_EQ(error_of("task: copy\ntrain: {max_steps: 1}"),
            "c.yaml:1:7: task: expected a map with the key name, found 'copy'");
  EXPECT_EQ(error_of("task: {name: [copy]}\ntrain: {max_steps: 1}"),
            "c.yaml:1:14: task.name: expected a string, found a list");
  EXPECT_EQ(error_of(smallest_example + "optimizer: {name: sgd, betas: [0, 0]}"),
            "c.yaml:3:24: optimizer.betas: unknown key where name is sgd");
  EXPECT_EQ(error_of(smallest_example + "optimizer: {name: sgd, learning_rat: 1}"),
            "c.yaml:3:24: optimizer.learning_rat: unknown key where name is sgd (did you mean learning_rate?)");
}

TEST(ConfigReader, MapsAndScalarsAreNotMistakenForEachOther) {
  EXPECT_EQ(error_of(smallest_example + "model: 3"), "c.yaml:3:8: model: expected a map, found '3'");
  EXPECT_EQ(error_of(smallest_example + "model: [1]"), "c.yaml:3:8: model: expected a map, found a list");
  EXPECT_EQ(error_of(smallest_example + "model:"), "c.yaml:3:7: model: expected a map, found nothing");
  EXPECT_EQ(error_of("- 1\n- 2\n"), "c.yaml:1:1: expected a map, found a list");
  EXPECT_EQ(error_of("hello"), "c.yaml:1:1: expected a map, found 'hello'");
}

TEST(ConfigReader, RulesBetweenKeys) {
  EXPECT_EQ(train_error("warmup_steps: 10"), "c.yaml:4:17: train.warmup_steps: must be less than max_steps");
  EXPECT_EQ(error_of("task: {name: copy}\ntrain: {max_steps: 0, warmup_steps: 10}"),
            "c.yaml:2:20: train.max_steps: must be at least 1, not 0");  // and no more noise than that
  EXPECT_EQ(error_of("task: {name: copy}\ntrain: {warmup_steps: 10}"),
            "c.yaml:2:8: train.max_steps: required key is missing");
  EXPECT_EQ(error_of("task: {name: copy}\nmodel: {dropout: 0.5}\ntrain: {max_steps: 10, batch_size: 8}\n"),
            "c.yaml:2:18: model.dropout: needs a train.batch_size above 8");
}

TEST(ConfigReader, ADefaultCanBreakARuleThroughAnotherKey) {
  EXPECT_EQ(error_of(smallest_example + "model: {num_heads: 3}"),
            "c.yaml:3:20: model.d_model: must be a multiple of num_heads (3), not 128 (its default)");
  EXPECT_EQ(error_of(smallest_example + "model: {num_heads: 3, d_model: 128}"),
            "c.yaml:3:32: model.d_model: must be a multiple of num_heads (3), not 128");
}

TEST(ConfigReader, DuplicateKeysAtEveryLevel) {
  EXPECT_EQ(error_of(smallest_example + "optimizer: {betas: [0, 0], 'betas': [1, 1]}\nmodel: {}\nmodel: {}\n"),
            "c.yaml:3:28: optimizer.betas: duplicate key (it was given at 3:13)\n"
            "c.yaml:5:1: model: duplicate key (it was given at 4:1)");
  EXPECT_EQ(error_of(smallest_example + "nonsense: [{a: 1, a: 2}]"),
            "c.yaml:3:1: nonsense: unknown key\n"
            "c.yaml:3:19: nonsense[0].a: duplicate key (it was given at 3:13)");
}

TEST(ConfigReader, KeysAreWords) {
  EXPECT_EQ(error_of(smallest_example + "[a]: 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(error_of(smallest_example + "~: 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(error_of(smallest_example + "'': 1\n"), "c.yaml:3:1: a key must be a word");
  EXPECT_EQ(error_of(smallest_example + "3: 1\n"), "c.yaml:3:1: 3: unknown key");
}

TEST(ConfigReader, AliasesShareButNeverGrow) {
  EXPECT_EQ(read("task: {name: copy}\ntrain: {max_steps: &n 10, seeds: &s [3], stop_after: *n}\n").train.stop_after,
            10);
  EXPECT_EQ(error_of(smallest_example + "model: &m {num_heads: *m}"),
            "c.yaml:3:23: model.num_heads: an alias cannot stand inside what it stands for");
  EXPECT_EQ(error_of("seed: *nowhere"), "c.yaml:1:7: not YAML: the referenced anchor is not defined");
  EXPECT_EQ(error_of(smallest_example + "model:\n  <<: {num_heads: 2}\n"),
            "c.yaml:4:3: model.<<: unknown key (merge keys are not supported)");
  // A billion laughs: 9 levels of 9 aliases each.
  std::string text = smallest_example + "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string inner = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + inner;
    for (int k = 1; k < 9; ++k) text += ", " + inner;
    text += "]\n";
  }
  EXPECT_TRUE(error_of(text).starts_with("c.yaml:3:1: a0: unknown key\n"));
}

TEST(ConfigReader, NoTags) {
  EXPECT_EQ(error_of(smallest_example + "seed: !!int 3"),
            "c.yaml:3:7: seed: tags such as tag:yaml.org,2002:int are not allowed");
  EXPECT_EQ(error_of(smallest_example + "model: !m {}"), "c.yaml:3:8: model: tags such as !m are not allowed");
}

TEST(ConfigReader, TextThatIsNoConfig) {
  EXPECT_EQ(error_of(""), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(error_of("# nothing here\n"), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(error_of("---\n"), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(error_of("seed: [1, 2"), "c.yaml:1:12: not YAML: end of sequence flow not found");
  EXPECT_EQ(error_of("seed: 1\n\ttrain: 2\n"), "");
  EXPECT_EQ(error_of(smallest_example + "---\nseed: 2\n"),
            "c.yaml:3:1: a second document starts here; a config is one document");
  EXPECT_EQ(error_of(std::string("seed: \0", 7)), "c.yaml:1:7: control character 0x00");
  EXPECT_EQ(error_of("seed: 1\nlabel: \xff\n"), "c.yaml:2:8: byte 0xff is not UTF-8 text");
  EXPECT_EQ(error_of("label: \xed\xa0\x80"), "c.yaml:1:8: byte 0xed is not UTF-8 text");
  EXPECT_EQ(error_of(std::string(1 << 20, '#')), "c.yaml:1:1: the config is empty");
  EXPECT_EQ(error_of(std::string((1 << 20) + 1, '#')), "c.yaml: larger than 1 MiB: this is no config");
}

TEST(ConfigReader, NestingIsBounded) {
  EXPECT_EQ(error_of("a: " + std::string(100000, '[')), "c.yaml:1:35: nested more than 32 deep");
  EXPECT_EQ(error_of(std::string(100000, '{')), "c.yaml:1:33: nested more than 32 deep");
  std::string dashes;
  for (int i = 0; i < 100000; ++i) dashes += "- ";
  EXPECT_EQ(error_of(dashes), "c.yaml:1:65: nested more than 32 deep");
}

TEST(ConfigReader, WindowsLineEndsAndByteOrderMarksDoNotMatter) {
  EXPECT_EQ(read("\xef\xbb\xbftask: {name: copy}\r\ntrain:\r\n  max_steps: 7\r\n  tags: [a]\r\n").train.max_steps, 7);
}

TEST(ConfigReader, MessagesStayOnOneLine) {
  EXPECT_EQ(error_of(smallest_example + "\"a\\nb\": 1\n"), "c.yaml:3:1: a\\nb: unknown key");
  EXPECT_EQ(error_of(smallest_example + "seed: \"1\\t\\e\\n2\"\n"),
            "c.yaml:3:7: seed: expected an integer, found the string '1\\t\\x1b\\n2'");
  EXPECT_EQ(error_of(smallest_example + "seed: " + std::string(500, 'x') + "\n"),
            "c.yaml:3:7: seed: expected an integer, found '" + std::string(80, 'x') + "...'");
}

TEST(ConfigOverrides, ReplaceAddAndSwitch) {
  const ExampleConfig config =
      read(smallest_example, {"train.max_steps=20", "train.max_steps=30", "model.dropout=0.1", "optimizer.name=sgd",
                              "train.seeds=[7, 8]", "task={name: addition, modulus: 5}", "label=a=b"});
  EXPECT_EQ(config.train.max_steps, 30);  // the last one wins
  EXPECT_EQ(config.model.dropout, 0.1);
  EXPECT_TRUE(std::holds_alternative<ExampleSgd>(config.optimizer));
  EXPECT_EQ(config.train.seeds, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(dynamic_cast<ExampleAddition&>(*config.task).modulus, 5);
  EXPECT_EQ(config.label, "a=b");
}

TEST(ConfigOverrides, AreCheckedLikeTheFile) {
  EXPECT_EQ(error_of(smallest_example, {"train.max_steps=x", "model.num_head=2", "seed="}),
            "override 'train.max_steps=x': train.max_steps: expected an integer, found 'x'\n"
            "override 'model.num_head=2': model.num_head: unknown key (did you mean num_heads?)\n"
            "override 'seed=': seed: expected an integer, found nothing");
  EXPECT_EQ(error_of(smallest_example + "optimizer: {betas: [0, 0]}", {"optimizer.name=sgd"}),
            "c.yaml:3:13: optimizer.betas: unknown key where name is sgd");
  EXPECT_EQ(error_of(smallest_example + "model: 3", {"model.dropout=0"}),
            "c.yaml:3:8: model: expected a map, found '3'");
  EXPECT_EQ(error_of(smallest_example, {"train.warmup_steps=10"}),
            "override 'train.warmup_steps=10': train.warmup_steps: must be less than max_steps");
  EXPECT_EQ(error_of(smallest_example, {"model={dropout: 0, dropout: 1}"}),
            "override 'model={dropout: 0, dropout: 1}': model.dropout: duplicate key (it was given at 1:2)");
  EXPECT_EQ(error_of(smallest_example, {"seed=[1"}),
            "override 'seed=[1': seed: not YAML: end of sequence flow not found");
}

TEST(ConfigOverrides, MalformedOnesAreErrors) {
  for (const std::string text : {"=3", "abc", "a..b=1", ".=1", "a.=1", ".a=1", ""})
    EXPECT_EQ(error_of(smallest_example, {text}), "override '" + text + "': an override is key.path=value");
}

TEST(ConfigOverrides, ChangeOnlyOneOfTheMapsThatAnAliasShares) {
  const std::string text = "task: {name: copy}\ntrain: {max_steps: 10, seeds: &s [1]}\n";
  EXPECT_EQ(read(text, {"train.seeds=[2]"}).train.seeds, (std::vector<int64_t>{2}));
  EXPECT_EQ(error_of("task: {name: copy}\nmodel: &m {dropout: 0}\ntrain: *m\n", {"train.max_steps=3"}),
            "c.yaml:2:12: train.dropout: unknown key");
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
