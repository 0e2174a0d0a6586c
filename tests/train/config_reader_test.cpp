// What the reader takes, and the exact words in which it refuses the rest.
#include "train/config/reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/train/config_example.h"

namespace transformlet {
namespace {

// The error of one line in `train`, beside the keys that must be given.
std::string train_error(const std::string& line) {
  return example_error("task: {name: copy}\ntrain:\n  max_steps: 10\n  " + line + "\n");
}

TEST(ConfigReader, DefaultsAreInitialValues) {
  const ExampleConfig config = read_example(smallest_example);
  EXPECT_EQ(config.seed, 42);
  EXPECT_EQ(config.label, "run");
  EXPECT_EQ(dynamic_cast<ExampleCopy&>(*config.task).length, 8);
  EXPECT_EQ(std::get<ExampleAdam>(config.optimizer).learning_rate, 0.01);
  EXPECT_EQ(config.train.max_steps, 10);
  EXPECT_EQ(config.train.clip_norm, std::nullopt);
  EXPECT_EQ(config.train.seeds, (std::vector<int64_t>{1, 2}));
}

TEST(ConfigReader, ReadsListsOfMaps) {
  const ExampleConfig config = read_example(smallest_example + "guests:\n- {who: a, chairs: 2}\n- who: b\n");
  ASSERT_EQ(config.guests.size(), 2u);
  EXPECT_EQ(config.guests[0].chairs, 2);
  EXPECT_EQ(config.guests[1].who, "b");
  EXPECT_EQ(config.guests[1].chairs, 1);
  EXPECT_EQ(example_error(smallest_example + "guests: [{who: a, chairs: 0}, {chair: 2}, b]\n"),
            "c.yaml:3:27: guests[0].chairs: must be at least 1, not 0\n"
            "c.yaml:3:31: guests[1].who: required key is missing\n"
            "c.yaml:3:32: guests[1].chair: unknown key (did you mean chairs?)\n"
            "c.yaml:3:43: guests[2]: expected a map, found 'b'");
  EXPECT_EQ(example_error(smallest_example, {"guests=3"}),
            "override 'guests=3': guests: expected a list of maps, found '3'");
}

TEST(ConfigReader, ReadsEveryType) {
  const ExampleConfig config = read_example(R"(%YAML 1.2
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
  const ExampleConfig sgd = read_example(smallest_example + "optimizer: {name: sgd}\n");
  EXPECT_EQ(std::get<ExampleSgd>(sgd.optimizer).learning_rate, 0.1);
  // The default alternative keeps the values that the config gives it, and may leave its name out.
  const ExampleConfig adam = read_example(smallest_example + "optimizer: {learning_rate: 1}\n");
  EXPECT_EQ(std::get<ExampleAdam>(adam.optimizer).betas[1], 0.98);
}

TEST(ConfigReader, ReportsEverythingTogetherInTheOrderOfTheText) {
  EXPECT_EQ(example_error("seeed: 1\n"
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
  EXPECT_EQ(example_error("seed: 1\ntask: {}\n"),
            "c.yaml:1:1: train.max_steps: required key is missing\n"
            "c.yaml:2:7: task.name: required key is missing");
  EXPECT_EQ(example_error("train: {max_steps: 5}\ntask: {name: addition}\n"),
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
  EXPECT_EQ(says("true"), "'true'");
  EXPECT_EQ(says("[1]"), "a list");
  EXPECT_EQ(says("{a: 1}"), "a map");
  EXPECT_EQ(says("9223372036854775807"), "no error");
  EXPECT_EQ(train_error("batch_size:"), "c.yaml:4:3: train.batch_size: expected an integer, found nothing");
  EXPECT_EQ(train_error("batch_size: null"), "c.yaml:4:3: train.batch_size: expected an integer, found nothing");
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
  const auto says = [](const std::string& value) { return example_error("label: " + value + "\n" + smallest_example); };
  EXPECT_EQ(says("3"), "c.yaml:1:8: label: expected a string, found '3' (put it in quotes)");
  EXPECT_EQ(says("true"), "c.yaml:1:8: label: expected a string, found 'true' (put it in quotes)");
  EXPECT_EQ(says("1e-4"), "c.yaml:1:8: label: expected a string, found '1e-4' (put it in quotes)");
  EXPECT_EQ(says("null"), "c.yaml:1:1: label: expected a string, found nothing");
  EXPECT_EQ(says("3d"), "no error");
  EXPECT_EQ(says("''"), "no error");
  EXPECT_EQ(train_error("tags: [a, 1, [b]]"),
            "c.yaml:4:13: train.tags[1]: expected a string, found '1' (put it in quotes)\n"
            "c.yaml:4:16: train.tags[2]: expected a string, found a list");
}

TEST(ConfigReader, ListsOfTheWrongLength) {
  EXPECT_EQ(example_error(smallest_example + "optimizer: {betas: [0.9]}"),
            "c.yaml:3:20: optimizer.betas: expected a list of 2 numbers, found 1");
  EXPECT_EQ(example_error(smallest_example + "optimizer: {betas: 0.9}"),
            "c.yaml:3:20: optimizer.betas: expected a list of 2 numbers, found '0.9'");
  EXPECT_EQ(example_error(smallest_example + "optimizer: {betas: [0.9, 1]}"),
            "c.yaml:3:26: optimizer.betas[1]: must be less than 1, not 1");
}

TEST(ConfigReader, Variants) {
  EXPECT_EQ(example_error("task: {name: cpoy, length: 3}\ntrain: {max_steps: 1}"),
            "c.yaml:1:14: task.name: must be one of addition, copy, not 'cpoy' (did you mean copy?)");
  EXPECT_EQ(example_error("task: copy\ntrain: {max_steps: 1}"),
            "c.yaml:1:7: task: expected a map with the key name, found 'copy'");
  EXPECT_EQ(example_error("task: {name: [copy]}\ntrain: {max_steps: 1}"),
            "c.yaml:1:14: task.name: expected a string, found a list");
  EXPECT_EQ(example_error(smallest_example + "optimizer: {name: sgd, betas: [0, 0]}"),
            "c.yaml:3:24: optimizer.betas: unknown key where name is sgd");
  EXPECT_EQ(example_error(smallest_example + "optimizer: {name: sgd, learning_rat: 1}"),
            "c.yaml:3:24: optimizer.learning_rat: unknown key where name is sgd (did you mean learning_rate?)");
}

struct WithRequiredVariant {
  std::variant<ExampleSgd, ExampleAdam> optimizer;
  int64_t twice = 0;
  void describe(Fields& field) {
    field.variant("optimizer", "name", optimizer, "", required());
    if (std::holds_alternative<ExampleAdam>(optimizer)) field("optimizer", twice, "");
  }
};

TEST(ConfigReader, AVariantCanAskForItsName) {
  EXPECT_THROW(read_config_text<WithRequiredVariant>("c.yaml", "optimizer: {learning_rate: 1}"), ConfigError);
  const auto config = read_config_text<WithRequiredVariant>("c.yaml", "optimizer: {name: sgd, learning_rate: 1}");
  EXPECT_EQ(std::get<ExampleSgd>(config.optimizer).learning_rate, 1);
}

TEST(ConfigReader, AKeyIsDescribedOnce) {
  EXPECT_THROW(read_config_text<WithRequiredVariant>("c.yaml", "optimizer: {name: adam}"), Error);
}

TEST(ConfigReader, MapsAndScalarsAreNotMistakenForEachOther) {
  EXPECT_EQ(example_error(smallest_example + "model: 3"), "c.yaml:3:8: model: expected a map, found '3'");
  EXPECT_EQ(example_error(smallest_example + "model: [1]"), "c.yaml:3:8: model: expected a map, found a list");
  EXPECT_EQ(example_error(smallest_example + "model:"), "c.yaml:3:1: model: expected a map, found nothing");
  EXPECT_EQ(example_error("- 1\n- 2\n"), "c.yaml:1:1: expected a map, found a list");
  EXPECT_EQ(example_error("hello"), "c.yaml:1:1: expected a map, found 'hello'");
}

TEST(ConfigReader, RulesBetweenKeys) {
  EXPECT_EQ(train_error("warmup_steps: 10"), "c.yaml:4:17: train.warmup_steps: must be less than max_steps");
  EXPECT_EQ(example_error("task: {name: copy}\ntrain: {max_steps: 0, warmup_steps: 10}"),
            "c.yaml:2:20: train.max_steps: must be at least 1, not 0");  // and no more noise than that
  EXPECT_EQ(example_error("task: {name: copy}\ntrain: {warmup_steps: 10}"),
            "c.yaml:2:8: train.max_steps: required key is missing");
  EXPECT_EQ(example_error("task: {name: copy}\nmodel: {dropout: 0.5}\ntrain: {max_steps: 10, batch_size: 8}\n"),
            "c.yaml:2:18: model.dropout: needs a train.batch_size above 8");
}

TEST(ConfigReader, RulesBetweenKeysAreNotAskedWhereOneOfThemIsWrong) {
  EXPECT_EQ(example_error("task: {name: copy, length: 9}\nmodel: {d_model: 8}\ntrain: {max_steps: 1}"),
            "c.yaml:1:28: task.length: needs a larger model.d_model");
  // Where no task has been made, the rule that asks it for its symbols would crash.
  EXPECT_EQ(example_error("task: {name: cpy, length: 9}\ntrain: {max_steps: 1}"),
            "c.yaml:1:14: task.name: must be one of addition, copy, not 'cpy' (did you mean copy?)");
  EXPECT_EQ(example_error("task: 3\ntrain: {max_steps: 1}"),
            "c.yaml:1:7: task: expected a map with the key name, found '3'");
  EXPECT_EQ(example_error("train: {max_steps: 1}"), "c.yaml:1:1: task.name: required key is missing");
}

TEST(ConfigReader, ADefaultCanBreakARuleThroughAnotherKey) {
  EXPECT_EQ(example_error(smallest_example + "model: {num_heads: 3}"),
            "c.yaml:3:20: model.d_model: must be a multiple of num_heads (3), not 128 (its default)");
  EXPECT_EQ(example_error(smallest_example + "model: {num_heads: 3, d_model: 128}"),
            "c.yaml:3:32: model.d_model: must be a multiple of num_heads (3), not 128");
}

}  // namespace
}  // namespace transformlet
