// A made-up config that uses every feature of base/fields.h.
#pragma once

#include "base/fields.h"
#include "train/config/reader.h"

namespace transformlet {

struct ExampleTask {
  virtual ~ExampleTask() = default;
  virtual void describe(Fields& field) = 0;
  virtual int64_t symbols() const { return 2; }
};

struct ExampleCopy : ExampleTask {
  static constexpr const char* name = "copy";
  static constexpr const char* help = "repeat the input";
  int64_t length = 8;

  int64_t symbols() const override { return length; }
  void describe(Fields& field) override { field("length", length, "symbols to repeat", between(1, 64)); }
};

struct ExampleAddition : ExampleTask {
  static constexpr const char* name = "addition";
  static constexpr const char* help = "add two numbers";
  int64_t modulus = 97;
  double train_share = 0.5;

  void describe(Fields& field) override {
    field("modulus", modulus, "add modulo this number", required(), at_least(2));
    field("train_share", train_share, "share of all pairs to train on", greater_than(0), less_than(1));
  }
};

inline const Registered<ExampleTask, ExampleCopy> registered_example_copy;
inline const Registered<ExampleTask, ExampleAddition> registered_example_addition;

struct ExampleSgd {
  static constexpr const char* name = "sgd";
  static constexpr const char* help = "stochastic gradient descent";
  double learning_rate = 0.1;

  void describe(Fields& field) { field("learning_rate", learning_rate, "size of a step", greater_than(0)); }
};

struct ExampleAdam {
  static constexpr const char* name = "adam";
  static constexpr const char* help = "Adam (Kingma and Ba 2015)";
  double learning_rate = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};

  void describe(Fields& field) {
    field("learning_rate", learning_rate, "size of a step", greater_than(0));
    field("betas", betas, "decay of the running averages", at_least(0), less_than(1));
  }
};

struct ExampleModel {
  int64_t num_heads = 4, d_model = 128;
  std::string norm_position = "pre";
  double dropout = 0;

  void describe(Fields& field) {
    field("num_heads", num_heads, "attention heads in a block", at_least(1));
    field("d_model", d_model, "width of the residual stream", multiple_of(num_heads, "num_heads"));
    field("norm_position", norm_position, "where a block normalises", one_of({"pre", "post"}));
    field("dropout", dropout, "share of activations set to zero", at_least(0), less_than(1));
  }
};

struct ExampleTrain {
  int64_t max_steps = 1, warmup_steps = 0, batch_size = 64;
  std::optional<double> clip_norm;
  std::optional<int64_t> stop_after;
  bool compile = false;
  std::vector<double> milestones;
  std::vector<int64_t> seeds = {1, 2};
  std::vector<std::string> tags = {"first try"};

  void describe(Fields& field) {
    field("max_steps", max_steps, "steps of the optimizer", required(), at_least(1));
    field("warmup_steps", warmup_steps, "steps until the full learning rate", at_least(0));
    field("batch_size", batch_size, "samples in a step", multiple_of(8), at_most(4096));
    field("clip_norm", clip_norm, "largest norm of the gradient", greater_than(0));
    field("stop_after", stop_after, "steps without progress", at_least(1));
    field("compile", compile, "whether to compile first");
    field("milestones", milestones, "where the learning rate falls", between(0, 1));
    field("seeds", seeds, "one run for each", at_least(0));
    field("tags", tags, "free words");
    field.check([&] { return warmup_steps < max_steps; }, {"warmup_steps", "max_steps"}, "must be less than max_steps");
  }
};

struct ExampleGuest {
  std::string who = "nobody";
  int64_t chairs = 1;

  void describe(Fields& field) {
    field("who", who, "name of the guest", required());
    field("chairs", chairs, "chairs to bring", between(1, 9));
  }
};

struct ExampleConfig {
  int64_t seed = 42;
  std::string label = "run";
  Choice<ExampleTask> task;
  std::variant<ExampleSgd, ExampleAdam> optimizer = ExampleAdam{.learning_rate = 0.01, .betas = {0.9, 0.98}};
  ExampleModel model;
  ExampleTrain train;
  std::vector<ExampleGuest> guests;

  void describe(Fields& field) {
    field("seed", seed, "where all random numbers come from");
    field("label", label, "what the run is called");
    field.variant("task", "name", task, "what to learn");
    field.variant("optimizer", "name", optimizer, "how parameters are updated");
    field.group("model", model, "the network");
    field.group("train", train, "how long to train");
    field.list("guests", guests, "who is there");
    field.check([&] { return model.dropout == 0 || train.batch_size > 8; }, {"model.dropout", "train.batch_size"},
                "needs a train.batch_size above 8");
    field.check([&] { return task->symbols() <= model.d_model; }, {"task.length", "model.d_model"},
                "needs a larger model.d_model");
  }
};

// A text with every key that must be given, and nothing else.
inline const std::string smallest_example = "task: {name: copy}\ntrain: {max_steps: 10}\n";

inline ExampleConfig read_example(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return read_config_text<ExampleConfig>("c.yaml", text, overrides);
}

// The whole text of the error, or "no error".
inline std::string example_error(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    read_example(text, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace transformlet
