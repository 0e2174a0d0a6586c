// Writing, and reading back what was written.
#include "train/config/writer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "tests/train/config_example.h"
#include "train/config/reader.h"

namespace transformlet {
namespace {

TEST(ConfigWriter, WritesEveryKey) {
  const auto config = read_config_text<ExampleConfig>(
      "c.yaml", smallest_example, {"train.milestones=[0.25, 1]", "guests=[{who: a b}, {chairs: 2, who: c}]"});
  EXPECT_EQ(write_config(config), R"(seed: 42
label: run
task:
  name: copy
  length: 8
optimizer:
  name: adam
  learning_rate: 0.01
  betas: [0.9, 0.98]
model:
  num_heads: 4
  d_model: 128
  norm_position: pre
  dropout: 0.0
train:
  max_steps: 10
  warmup_steps: 0
  batch_size: 64
  clip_norm: null
  stop_after: null
  compile: false
  milestones: [0.25, 1.0]
  seeds: [1, 2]
  tags: ["first try"]
guests:
  - who: "a b"
    chairs: 1
  - who: c
    chairs: 2
)");
}

TEST(ConfigWriter, RefusesWhatNoReaderCouldHaveMade) {
  ExampleConfig config;
  EXPECT_THROW(write_config(config), Error);  // no task has been chosen
  config.task.choose("copy");
  config.model.dropout = NAN;
  EXPECT_THROW(write_config(config), Error);
}

TEST(ConfigWriter, FloatsAreShortAndLookLikeFloats) {
  const auto text = [](double value) { return yaml_text(&value); };
  EXPECT_EQ(text(1), "1.0");
  EXPECT_EQ(text(-0.0), "-0.0");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(5e-4), "0.0005");
  EXPECT_EQ(text(1e-7), "1e-07");
  EXPECT_EQ(text(1e22), "1e+22");
  EXPECT_EQ(text(5e-324), "5e-324");
}

TEST(ConfigWriter, StringsAreQuotedWhereAnyReaderOfYamlCouldMistakeThem) {
  const auto text = [](std::string value) { return yaml_text(&value); };
  EXPECT_EQ(text("data/words-1.txt"), "data/words-1.txt");
  for (const std::string word :
       {"yes", "No", "TRUE", "null", "y", "inf", "nan", "", " a", "a b", "1e3", "-1", "~", "a:", ".5"})
    EXPECT_EQ(text(word), '"' + word + '"');
  EXPECT_EQ(text("a\"b\\\n\t"), R"("a\"b\\\n\x09")");
}

// Any finite double: every pattern of bits is as likely as every other.
double any_double() {
  const double value = std::bit_cast<double>(*rc::gen::arbitrary<uint64_t>());
  return std::isfinite(value) ? value : 0.5;
}
double double_between(double low, double high) {
  return low + (high - low) * std::ldexp(static_cast<double>(*rc::gen::inRange<int64_t>(1, int64_t{1} << 53)), -53);
}

// Strings of anything that UTF-8 can say in one or two bytes, control characters and quotes included.
std::string any_string() {
  std::string text;
  for (const int code : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 0x800))) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xc0 | (code >> 6));
      text += static_cast<char>(0x80 | (code & 0x3f));
    }
  }
  return text;
}

ExampleConfig any_config() {
  ExampleConfig config;
  config.seed = *rc::gen::arbitrary<int64_t>();
  config.label = any_string();
  if (*rc::gen::arbitrary<bool>()) {
    config.task.choose("copy");
    static_cast<ExampleCopy&>(*config.task).length = *rc::gen::inRange<int64_t>(1, 65);
  } else {
    config.task.choose("addition");
    static_cast<ExampleAddition&>(*config.task).modulus = *rc::gen::inRange<int64_t>(2, 1000);
    static_cast<ExampleAddition&>(*config.task).train_share = double_between(0, 1);
  }
  if (*rc::gen::arbitrary<bool>())
    config.optimizer = ExampleSgd{std::abs(any_double()) + 5e-324};
  else
    config.optimizer = ExampleAdam{double_between(0, 10), {double_between(0, 1), 0}};
  config.model.num_heads = *rc::gen::inRange<int64_t>(1, 17);
  config.model.d_model = 64 * config.model.num_heads * *rc::gen::inRange<int64_t>(1, 100);
  config.model.norm_position = *rc::gen::element<std::string>("pre", "post");
  config.train.max_steps = *rc::gen::inRange<int64_t>(2, INT64_MAX);
  config.train.warmup_steps = config.train.max_steps / 2;
  config.train.batch_size = 8 * *rc::gen::inRange<int64_t>(-100, 513);
  if (*rc::gen::arbitrary<bool>()) config.train.clip_norm = double_between(0, 1e300);
  if (*rc::gen::arbitrary<bool>()) config.train.stop_after = *rc::gen::inRange<int64_t>(1, INT64_MAX);
  config.train.compile = *rc::gen::arbitrary<bool>();
  config.train.milestones.assign(*rc::gen::inRange<size_t>(0, 4), double_between(0, 1));
  config.train.seeds = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, INT64_MAX));
  config.train.tags.assign(*rc::gen::inRange<size_t>(0, 4), any_string());
  for (size_t i = *rc::gen::inRange<size_t>(0, 3); i > 0; --i) {
    config.guests.push_back({any_string(), *rc::gen::inRange<int64_t>(1, 10)});
  }
  return config;
}

RC_GTEST_PROP(ConfigWriter, WhatIsWrittenReadsBackTheSame, ()) {
  const ExampleConfig config = any_config();
  const std::string text = write_config(config);
  const auto again = read_config_text<ExampleConfig>("c.yaml", text);
  RC_ASSERT(write_config(again) == text);
  RC_ASSERT(again.seed == config.seed);
  RC_ASSERT(again.label == config.label);
  RC_ASSERT(again.task.name() == config.task.name());
  RC_ASSERT(again.optimizer.index() == config.optimizer.index());
  if (const auto* sgd = std::get_if<ExampleSgd>(&config.optimizer))
    RC_ASSERT(std::get<ExampleSgd>(again.optimizer).learning_rate == sgd->learning_rate);
  RC_ASSERT(again.train.clip_norm == config.train.clip_norm);
  RC_ASSERT(again.train.stop_after == config.train.stop_after);
  RC_ASSERT(again.train.milestones == config.train.milestones);
  RC_ASSERT(again.train.seeds == config.train.seeds);
  RC_ASSERT(again.train.tags == config.train.tags);
  RC_ASSERT(again.guests.size() == config.guests.size());
  for (size_t i = 0; i < config.guests.size(); ++i) RC_ASSERT(again.guests[i].who == config.guests[i].who);
}

}  // namespace
}  // namespace transformlet
