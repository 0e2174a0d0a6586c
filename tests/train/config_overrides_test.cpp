// Overrides from the command line.
#include <gtest/gtest.h>

#include "tests/train/config_example.h"
#include "train/config/reader.h"

namespace transformlet {
namespace {

TEST(ConfigOverrides, ReplaceAddAndSwitch) {
  const ExampleConfig config = read_example(
      smallest_example, {"train.max_steps=20", "train.max_steps=30", "model.dropout=0.1", "optimizer.name=sgd",
                         "train.seeds=[7, 8]", "task={name: addition, modulus: 5}", "label=a=b"});
  EXPECT_EQ(config.train.max_steps, 30);  // the last one wins
  EXPECT_EQ(config.model.dropout, 0.1);
  EXPECT_TRUE(std::holds_alternative<ExampleSgd>(config.optimizer));
  EXPECT_EQ(config.train.seeds, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(dynamic_cast<ExampleAddition&>(*config.task).modulus, 5);
  EXPECT_EQ(config.label, "a=b");
}

TEST(ConfigOverrides, AreCheckedLikeTheFile) {
  EXPECT_EQ(example_error(smallest_example, {"train.max_steps=x", "model.num_head=2", "seed="}),
            "override 'train.max_steps=x': train.max_steps: expected an integer, found 'x'\n"
            "override 'model.num_head=2': model.num_head: unknown key (did you mean num_heads?)\n"
            "override 'seed=': seed: expected an integer, found nothing");
  EXPECT_EQ(example_error(smallest_example + "optimizer: {betas: [0, 0]}", {"optimizer.name=sgd"}),
            "c.yaml:3:13: optimizer.betas: unknown key where name is sgd");
  EXPECT_EQ(example_error(smallest_example + "model: 3", {"model.dropout=0"}),
            "c.yaml:3:8: model: expected a map, found '3'");
  EXPECT_EQ(example_error(smallest_example, {"train.warmup_steps=10"}),
            "override 'train.warmup_steps=10': train.warmup_steps: must be less than max_steps");
  EXPECT_EQ(example_error(smallest_example, {"model={dropout: 0, dropout: 1}"}),
            "override 'model={dropout: 0, dropout: 1}': model.dropout: duplicate key (it was given at 1:2)");
  EXPECT_EQ(example_error(smallest_example, {"seed=[1"}),
            "override 'seed=[1': seed: not YAML: what starts here is not closed, or lacks a comma");
}

TEST(ConfigOverrides, MalformedOnesAreErrors) {
  for (const std::string text : {"=3", "abc", "a..b=1", ".=1", "a.=1", ".a=1", ""})
    EXPECT_EQ(example_error(smallest_example, {text}), "override '" + text + "': an override is key.path=value");
}

TEST(ConfigOverrides, ChangeOnlyOneOfTheMapsThatAnAliasShares) {
  const std::string text = "task: {name: copy}\ntrain: {max_steps: 10, seeds: &s [1]}\n";
  EXPECT_EQ(read_example(text, {"train.seeds=[2]"}).train.seeds, (std::vector<int64_t>{2}));
  EXPECT_EQ(example_error("task: {name: copy}\nmodel: &m {dropout: 0}\ntrain: *m\n", {"train.max_steps=3"}),
            "c.yaml:2:12: train.dropout: unknown key");
}

}  // namespace
}  // namespace transformlet
