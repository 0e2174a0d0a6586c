// What a config file may say of optimisers and schedules, read as the program reads it.
#include "optim/config.h"

#include <gtest/gtest.h>

#include "optim/schedule.h"
#include "train/config/reader.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

struct Config {
  OptimizerConfig optimizer;
  ScheduleConfig schedule;

  void describe(Fields& field) {
    field.variant("optimizer", "name", optimizer, "how parameters are updated", required());
    field.variant("schedule", "name", schedule, "how the learning rate changes");
  }
};

Config read(const std::string& text) { return read_config_text<Config>("c.yaml", text); }

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::string optimizer_error(const std::string& optimizer) { return error_of("optimizer: {" + optimizer + "}\n"); }

std::string schedule_error(const std::string& schedule) {
  return error_of("optimizer: {name: adam}\nschedule: {" + schedule + "}\n");
}

TEST(OptimConfig, ReadsTheExampleOfTheHeaders) {
  const Config config = read(
      "optimizer: {name: adam, learning_rate: 5.0e-4, betas: [0.9, 0.98], epsilon: 1e-6, weight_decay: 0.1,\n"
      "            clip_norm: 5.0}\n"
      "schedule: {name: cosine, warmup_steps: 50, final_learning_rate: 0}\n");
  const auto& adam = std::get<AdamConfig>(config.optimizer);
  EXPECT_EQ(adam.learning_rate, 5e-4);
  EXPECT_EQ(adam.betas, (std::array<double, 2>{0.9, 0.98}));
  EXPECT_EQ(adam.epsilon, 1e-6);
  const OptimizerKeys& keys = optimizer_keys(config.optimizer);
  EXPECT_EQ(keys.weight_decay, 0.1);
  EXPECT_EQ(keys.clip_norm, 5.0);
  EXPECT_EQ(keys.clip_value, std::nullopt);
  EXPECT_FALSE(keys.decay_all_parameters);
  EXPECT_EQ(std::get<CosineSchedule>(config.schedule).warmup_steps, 50);
  EXPECT_FALSE(std::get<CosineSchedule>(config.schedule).cosine_after_warmup);
}

TEST(OptimConfig, DefaultsAreTorchs) {
  const Config adam = read("optimizer: {name: adam}\n"), adamw = read("optimizer: {name: adamw}\n");
  const Config sgd = read("optimizer: {name: sgd, learning_rate: 0.1}\n");
  EXPECT_EQ(optimizer_keys(adam.optimizer).learning_rate, 1e-3);
  EXPECT_EQ(optimizer_keys(adam.optimizer).weight_decay, 0.0);
  EXPECT_EQ(optimizer_keys(adamw.optimizer).weight_decay, 0.01);
  EXPECT_EQ(std::get<AdamWConfig>(adamw.optimizer).betas, (std::array<double, 2>{0.9, 0.999}));
  EXPECT_EQ(std::get<AdamWConfig>(adamw.optimizer).epsilon, 1e-8);
  EXPECT_EQ(optimizer_keys(sgd.optimizer).weight_decay, 0.0);
  EXPECT_EQ(std::get<SgdConfig>(sgd.optimizer).momentum, 0.0);
  EXPECT_TRUE(std::holds_alternative<ConstantSchedule>(adam.schedule));
}

// Those of lion_pytorch.py and of MuonWithAuxAdam, as published.
TEST(OptimConfig, DefaultsAreTheAuthors) {
  const Config lion_config = read("optimizer: {name: lion}\n"), muon_config = read("optimizer: {name: muon}\n");
  const auto& lion = std::get<LionConfig>(lion_config.optimizer);
  EXPECT_EQ(lion.learning_rate, 1e-4);
  EXPECT_EQ(lion.betas, (std::array<double, 2>{0.9, 0.99}));
  EXPECT_EQ(lion.weight_decay, 0.0);
  const auto& muon = std::get<MuonConfig>(muon_config.optimizer);
  EXPECT_EQ(muon.learning_rate, 0.02);
  EXPECT_EQ(muon.momentum, 0.95);
  EXPECT_EQ(muon.adamw_learning_rate, 3e-4);
  EXPECT_EQ(muon.betas, (std::array<double, 2>{0.9, 0.95}));
  EXPECT_EQ(muon.epsilon, 1e-10);
  EXPECT_EQ(muon.weight_decay, 0.0);
}

TEST(OptimConfig, WhatIsWrittenReadsBack) {
  for (const char* text :
       {"optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.9, nesterov: true, clip_value: 0.5}\n"
        "schedule: {name: inverse_square_root, warmup_steps: 20}\n",
        "optimizer: {name: adamw, decay_all_parameters: true, clip_norm: null}\n"
        "schedule: {name: linear, final_learning_rate: 1e-5}\n",
        "optimizer: {name: lion, betas: [0.95, 0.98]}\n", "optimizer: {name: muon, adamw_learning_rate: 1e-3}\n",
        "optimizer: {name: adam}\nschedule: {name: cosine, cosine_after_warmup: true}\n"}) {
    const std::string written = write_config(read(text));
    EXPECT_EQ(write_config(read(written)), written);
  }
}

TEST(OptimConfig, SaysWhatIsWrongWithAnOptimizer) {
  EXPECT_EQ(
      optimizer_error("name: adan"),
      "c.yaml:1:19: optimizer.name: must be one of adam, adamw, sgd, lion, muon, not 'adan' (did you mean adam?)");
  EXPECT_EQ(optimizer_error("name: sgd"), "c.yaml:1:12: optimizer.learning_rate: required key is missing");
  EXPECT_EQ(optimizer_error("name: adam, learning_rate: 0"),
            "c.yaml:1:40: optimizer.learning_rate: must be greater than 0, not 0");
  EXPECT_EQ(optimizer_error("name: adam, betas: [0.9, 1]"),
            "c.yaml:1:38: optimizer.betas[1]: must be less than 1, not 1");
  EXPECT_EQ(optimizer_error("name: adamw, epsilon: 0"),
            "c.yaml:1:35: optimizer.epsilon: must be at least 1e-30, not 0");
  EXPECT_EQ(optimizer_error("name: adamw, weight_decay: -0.1"),
            "c.yaml:1:40: optimizer.weight_decay: must be at least 0, not -0.1");
  EXPECT_EQ(optimizer_error("name: adam, clip_norm: 0"),
            "c.yaml:1:36: optimizer.clip_norm: must be greater than 0, not 0");
  EXPECT_EQ(optimizer_error("name: adam, clip_norm: 1, clip_value: 1"),
            "c.yaml:1:51: optimizer.clip_value: cannot be combined with clip_norm");
  EXPECT_EQ(optimizer_error("name: adam, momentum: 0.9"),
            "c.yaml:1:25: optimizer.momentum: unknown key where name is adam");
  EXPECT_EQ(optimizer_error("name: lion, betas: [0.9, 0.99], epsilon: 1e-8"),
            "c.yaml:1:45: optimizer.epsilon: unknown key where name is lion");
  EXPECT_EQ(optimizer_error("name: lion, learning_rate: 0"),
            "c.yaml:1:40: optimizer.learning_rate: must be greater than 0, not 0");
  EXPECT_EQ(optimizer_error("name: muon, momentum: 1"), "c.yaml:1:35: optimizer.momentum: must be less than 1, not 1");
  EXPECT_EQ(optimizer_error("name: muon, adamw_learning_rate: 0"),
            "c.yaml:1:46: optimizer.adamw_learning_rate: must be greater than 0, not 0");
  EXPECT_EQ(optimizer_error("name: sgd, learning_rate: 1, nesterov: true"),
            "c.yaml:1:52: optimizer.nesterov: needs a momentum above 0 and no dampening");
  EXPECT_EQ(optimizer_error("name: sgd, learning_rate: 1, dampening: 0.5"),
            "c.yaml:1:53: optimizer.dampening: needs a momentum above 0");
}

TEST(OptimConfig, SaysWhatIsWrongWithASchedule) {
  EXPECT_EQ(schedule_error("name: cosin"),
            "c.yaml:2:18: schedule.name: must be one of constant, linear, cosine, inverse_square_root, not 'cosin' "
            "(did you mean cosine?)");
  EXPECT_EQ(schedule_error("name: constant, final_learning_rate: 0"),
            "c.yaml:2:28: schedule.final_learning_rate: unknown key where name is constant");
  EXPECT_EQ(schedule_error("name: cosine, warmup_steps: -1"),
            "c.yaml:2:40: schedule.warmup_steps: must be at least 0, not -1");
  EXPECT_EQ(schedule_error("name: linear, final_learning_rate: -1"),
            "c.yaml:2:47: schedule.final_learning_rate: must be at least 0, not -1");
  EXPECT_EQ(schedule_error("name: inverse_square_root"), "c.yaml:2:11: schedule.warmup_steps: required key is missing");
  EXPECT_EQ(schedule_error("name: inverse_square_root, warmup_steps: 0"),
            "c.yaml:2:53: schedule.warmup_steps: must be at least 1, not 0");
}

}  // namespace
}  // namespace transformlet
