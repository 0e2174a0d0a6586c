// Weights that are edited or frozen, against numbers made by hand and against training without.
#include "train/weight_edits.h"

#include <gtest/gtest.h>

#include "tests/tensors.h"
#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/safetensors.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

using Numbers = std::vector<double>;

class WeightEdits : public testing::Test {
 protected:
  WeightEdits() {
    const Scope scope(parameters, 1, DType::float32);
    scope.parameter("a.weight", {2}, all_ones());
    scope.parameter("a.bias", {1}, all_ones());
    scope.parameter("b.weight", {2}, all_ones());
  }
  Numbers values() const {
    Numbers all;
    for (const Tensor& weight : parameters.tensors()) {
      for (const double value : weight.to_vector()) all.push_back(value);
    }
    return all;
  }

  Parameters parameters;
  TemporaryFolder folder;
};

TEST_F(WeightEdits, AreDoneInTheirOrderAtTheirStep) {
  const std::filesystem::path file = folder.path / "w.safetensors";
  write_safetensors(file, {{{"b.weight", tensor({7, 8}, {2}, DType::float64)}}, {}});
  const std::vector<WeightEdit> edits = {
      {.kind = "set", .at = {"a.*"}, .value = 0.5},
      {.kind = "scale", .at = {"*.weight"}, .factor = 3},
      {.kind = "zero", .at = {"a.bias"}, .step = 2},
      {.kind = "copy", .at = {"b.weight"}, .from = file.string(), .step = 2},
  };
  edit_weights(edits, parameters, 0);
  EXPECT_EQ(values(), (Numbers{1.5, 1.5, 0.5, 3, 3}));
  edit_weights(edits, parameters, 1);
  EXPECT_EQ(values(), (Numbers{1.5, 1.5, 0.5, 3, 3}));
  edit_weights(edits, parameters, 2);
  EXPECT_EQ(values(), (Numbers{1.5, 1.5, 0, 7, 8}));
}

TEST_F(WeightEdits, SayWhatCanNotBeCopied) {
  const std::filesystem::path file = folder.path / "w.safetensors";
  write_safetensors(file, {{{"b.weight", tensor({7, 8, 9}, {3}, DType::float32)}}, {}});
  const auto error = [&](const std::string& at, const std::filesystem::path& from) {
    return error_text([&] { require_sources({{.kind = "copy", .at = {at}, .from = from.string()}}, parameters); });
  };
  EXPECT_EQ(error("a.bias", file), fmt::format("edits: {} has no a.bias to copy", file.string()));
  EXPECT_EQ(error("b.*", file), fmt::format("edits: b.weight (3) of {} is to be copied to (2)", file.string()));
  EXPECT_EQ(error("b.*", folder.path),
            fmt::format("edits: {} is no run, no checkpoint and no file", folder.path.string()));
  EXPECT_EQ(values(), Numbers(5, 1));
}

constexpr const char* small = R"(
task: {name: reverse, num_symbols: 5, seq_len: 6, train_size: 200}
model: {num_layers: 2, num_heads: 2, d_model: 16, d_ff: 32, dropout: 0.1}
train: {max_steps: 60, batch_size: 32, dtype: float64}
)";

class Frozen : public testing::TestWithParam<const char*> {
 protected:
  ExperimentConfig config(const std::string& freeze) const {
    return read_config_text<ExperimentConfig>("c", small, {std::string("optimizer=") + GetParam(), freeze});
  }
};

bool is_frozen(const std::string& name) { return name.starts_with("encoder.blocks.0.") || name == "head.out.weight"; }

// Frozen weights keep their bits, and the others move as if somebody had put the frozen ones back after each step: with
// optimisers that treat each parameter by itself.
TEST_P(Frozen, WeightsStayAndTheOthersMoveOn) {
  ExperimentConfig frozen_config = config("freeze=[encoder.blocks.0.*, head.out.weight]"),
                   free_config = config("freeze=[]");
  Experiment frozen(frozen_config), free(free_config);
  TrainingStep frozen_step(frozen_config, frozen), free_step(free_config, free);
  TensorList start;
  for (const Tensor& weight : frozen.parameters.tensors()) start.push_back(copy(weight));
  for (int64_t step = 0; step < 4; ++step) {
    const double norm = frozen_step(step).gradient_norm;
    EXPECT_LT(norm, free_step(step).gradient_norm);
    for (size_t i = 0; i < start.size(); ++i) {
      Tensor weight = free.parameters.tensors()[i];
      if (is_frozen(weight.name())) std::copy_n(start[i].data<double>(), weight.size(), overwrite<double>(weight));
    }
  }
  for (size_t i = 0; i < start.size(); ++i) {
    const Tensor weight = frozen.parameters.tensors()[i];
    EXPECT_EQ(same_bits(weight, start[i]), is_frozen(weight.name())) << weight.name();
    EXPECT_TRUE(same_bits(weight, free.parameters.tensors()[i])) << weight.name();
  }
  EXPECT_EQ(frozen.trained.size(), start.size() - 13);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Frozen,
                         testing::Values("{name: sgd, learning_rate: 0.1, momentum: 0.9}",
                                         "{name: adamw, learning_rate: 1.0e-2, weight_decay: 0.1}"));

TEST(Frozen, SaysWhatIsWrong) {
  const auto error = [](const std::string& override) {
    return error_text([&] {
      auto config = read_config_text<ExperimentConfig>("c", small, {override});
      Experiment experiment(config);
    });
  };
  EXPECT_EQ(error("freeze=[head.out.weigth]"),
            "freeze: 'head.out.weigth' matches no parameter; near are head.out.weight, head.out.bias, "
            "head.hidden.weight");
  EXPECT_EQ(error("freeze=['*']"), "freeze: all parameters are frozen; nothing is left to train");
  EXPECT_EQ(error("edits=[{at: [x]}]").substr(0, 43), "edits[0].at: 'x' matches no parameter; near");
}

// An edit of step 2 stands in the weights that step 2 leaves; of the copy of a step that is taken for a look it does
// not.
TEST(EditsInTraining, AreDoneAfterTheirStep) {
  auto config = read_config_text<ExperimentConfig>("c", small, {"edits=[{at: [head.out.bias], step: 2}]"});
  Experiment experiment(config);
  TrainingStep take_step(config, experiment);
  Tensor bias;
  for (const Tensor& weight : experiment.parameters.tensors()) {
    if (weight.name() == "head.out.bias") bias = weight;
  }
  const auto is_zero = [&] { return bias.to_vector() == Numbers(5, 0); };
  take_step(0);
  EXPECT_FALSE(is_zero());
  take_step(1, 0.1);
  EXPECT_FALSE(is_zero());
  take_step(1);
  EXPECT_TRUE(is_zero());
  take_step(2);
  EXPECT_FALSE(is_zero());
}

}  // namespace
}  // namespace transformlet
