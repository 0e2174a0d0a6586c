// What is not finite is found by its name. Each is planted where it is then looked for.
#include "train/divergence.h"

#include <gtest/gtest.h>

#include <limits>

#include "train/config/reader.h"
#include "train/evaluation.h"

namespace transformlet {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr const char* text = R"(
task: {name: reverse, num_symbols: 5, seq_len: 6, train_size: 64, val_size: 10, test_size: 0}
model: {kind: encoder, num_layers: 2, num_heads: 2, d_model: 16, d_ff: 32, input: embedding}
optimizer: {name: sgd, learning_rate: 0.1}
train: {batch_size: 8}
)";

struct Planted {
  explicit Planted(const std::vector<std::string>& overrides = {})
      : config(read_config_text<ExperimentConfig>("c.yaml", text, overrides)),
        experiment(config),
        training_step(config, experiment) {}

  Tensor parameter(const std::string& name) const {
    for (const Parameter& candidate : experiment.parameters.list()) {
      if (candidate.value.name() == name) return candidate.value;
    }
    fail("there is no {}", name);
  }
  void set(const std::string& name, double value) const {
    Tensor x = parameter(name);
    overwrite<float>(x)[0] = static_cast<float>(value);
  }
  void fill(const std::string& name, double value) const {
    Tensor x = parameter(name);
    std::fill_n(overwrite<float>(x), x.size(), static_cast<float>(value));
  }
  std::string in_step() { return first_not_finite_in_step(training_step, experiment.parameters, 3); }
  std::string in_evaluation() const {
    return first_not_finite_in_evaluation(*experiment.model, experiment.task, Split::validation,
                                          all_examples(experiment.task, Split::validation), 4);
  }

  ExperimentConfig config;
  Experiment experiment;
  TrainingStep training_step;
};

TEST(Divergence, NothingIsFoundWhereAllIsWell) {
  Planted run;
  EXPECT_EQ(run.in_step(), "");
  EXPECT_EQ(run.in_evaluation(), "");
}

TEST(Divergence, NamesAWeight) {
  Planted run;
  run.set("encoder.blocks.1.feed_forward.up.weight", infinity);
  EXPECT_EQ(run.in_step(), "the weight encoder.blocks.1.feed_forward.up.weight (32, 16)");
  run.set("head.out.bias", infinity);
  EXPECT_EQ(run.in_step(), "the weight encoder.blocks.1.feed_forward.up.weight (32, 16) and 1 more");
}

// Finite weights whose output is beyond float32; what follows is not finite either, but comes later. In micro-batches
// and in blocks that are computed again, too.
TEST(Divergence, NamesAnActivationByItsLayer) {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{}, {"train.recompute=true"}, {"train.micro_batches=2"}}) {
    SCOPED_TRACE(overrides.empty() ? "plain" : overrides[0]);
    const std::string batch = overrides == std::vector<std::string>{"train.micro_batches=2"} ? "4" : "8";
    {
      Planted run(overrides);
      run.fill("encoder.blocks.1.attention.out.weight", 3e38);
      EXPECT_EQ(run.in_step(), "the output of linear in encoder.blocks.1.attention.out (" + batch + ", 6, 16)");
      EXPECT_EQ(run.in_evaluation(), "the output of linear in encoder.blocks.1.attention.out (4, 6, 16)");
    }
    {
      Planted run(overrides);
      run.fill("encoder.blocks.0.attention.qkv.weight", 3e38);
      run.fill("head.out.weight", 3e38);
      EXPECT_EQ(run.in_step(), "the output of linear in encoder.blocks.0.attention.qkv (" + batch + ", 6, 48)");
    }
  }
}

// The sum of finite numbers, in an op that has no parameters: the layer before it tells where.
TEST(Divergence, NamesAnOpWithoutParametersByTheLayerBefore) {
  Planted run;
  run.fill("head.out.weight", 0);
  run.fill("head.out.bias", 0);
  run.set("head.out.bias", 3.4e38);  // one class is all there is: the others' losses are each 3.4e38
  EXPECT_EQ(run.in_step(), "the output of cross_entropy after head.out ()");
}

// The loss is finite, but on the way back numbers grow beyond float32, in both blocks. In the order of the backward
// pass the head comes first, whose gradients are finite, then the second block, then the first.
TEST(Divergence, NamesAGradientInTheOrderOfTheBackwardPass) {
  Planted run({"model.norm_position=pre"});
  for (const std::string block : {"encoder.blocks.0.feed_forward.", "encoder.blocks.1.feed_forward."}) {
    run.fill(block + "down.weight", 0);  // so that the next does not reach the loss
    run.fill(block + "up.bias", 3e38);
  }
  run.fill("head.norm.gain", 1000);  // so that what comes back is larger than 1
  EXPECT_EQ(run.in_step(), "the gradient of encoder.blocks.1.feed_forward.down.weight (16, 32)");
  const auto compute = [&] { return run.training_step.loss(run.training_step.micro_batches(3)[0], 3); };
  EXPECT_EQ(first_activation_not_finite(compute), "");
}

}  // namespace
}  // namespace transformlet
