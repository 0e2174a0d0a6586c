// Trajectories against recorded ones, the names of the state, and the exact words of the errors.
#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "base/random.h"
#include "optim/config.h"
#include "tests/golden.h"

namespace transformlet {
namespace {

// The text of the Error that `function` throws.
template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

double setting(const GoldenCase& golden, const std::string& name) {
  const auto found = golden.settings.find(name);
  return found == golden.settings.end() ? 0.0 : found->second;
}

OptimizerConfig config_of(const GoldenCase& golden) {
  // In adamw_groups w decays and b does not.
  const double weight_decay = setting(golden, "weight_decay") + setting(golden, "weight_decay.w");
  const std::string& name = golden.words.at("optimizer");
  if (name == "sgd") {
    SgdConfig config;
    config.momentum = setting(golden, "momentum");
    config.dampening = setting(golden, "dampening");
    config.nesterov = setting(golden, "nesterov") != 0;
    config.weight_decay = weight_decay;
    return config;
  }
  if (name == "lion") {
    LionConfig config;
    config.betas = {setting(golden, "beta1"), setting(golden, "beta2")};
    config.weight_decay = weight_decay;
    return config;
  }
  if (name == "muon") {
    MuonConfig config;
    config.learning_rate = setting(golden, "learning_rate");
    config.adamw_learning_rate = setting(golden, "adamw_learning_rate");
    config.momentum = setting(golden, "momentum");
    config.betas = {setting(golden, "beta1"), setting(golden, "beta2")};
    config.epsilon = setting(golden, "epsilon");
    config.weight_decay = weight_decay;
    return config;
  }
  const auto adam = [&](auto config) {
    config.betas = {setting(golden, "beta1"), setting(golden, "beta2")};
    config.epsilon = setting(golden, "epsilon");
    config.weight_decay = weight_decay;
    return config;
  };
  if (name == "adam") return adam(AdamConfig());
  return adam(AdamWConfig());
}

Tensor tensor_of(const GoldenArray& array, DType dtype) { return tensor(array.data, Shape(array.shape), dtype); }

// Row `step` of an array with one row a step.
Tensor row_of(const GoldenArray& array, int64_t step, DType dtype) {
  const Tensor all = tensor_of(array, dtype);
  return reshape(slice(all, 0, step, step + 1), all.shape().without(0));
}

void expect_trajectory(const GoldenCase& golden, DType dtype, double tolerance) {
  SCOPED_TRACE(golden.name + " in " + name_of(dtype));
  const std::vector<std::string> names = {"w", "b"};
  TensorList values;
  std::vector<OptimizedParameter> parameters;
  std::vector<std::vector<double>> paths(names.size());
  for (const std::string& name : names) {
    values.push_back(leaf(tensor_of(golden.inputs.at(name), dtype), name));
    parameters.push_back({values.back(), name == "w" || !golden.settings.contains("weight_decay.b"), name == "w"});
  }
  const auto optimizer = make_optimizer(config_of(golden), parameters);
  const auto steps = static_cast<int64_t>(golden.settings.at("steps"));
  for (int64_t step = 0; step < steps; ++step) {
    TensorList gradients;
    for (const std::string& name : names) {
      // Doubled here and halved by the scale, which are exact both: the scale takes part in every trajectory.
      gradients.push_back(row_of(golden.inputs.at("gradient." + name), step, dtype) * 2.0);
    }
    optimizer->step(gradients, golden.inputs.at("learning_rate").data[static_cast<size_t>(step)], 0.5);
    for (size_t i = 0; i < names.size(); ++i) {
      const std::vector<double> now = values[i].to_vector();
      paths[i].insert(paths[i].end(), now.begin(), now.end());
    }
  }
  EXPECT_EQ(optimizer->step_count(), steps);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_LT(golden_error(golden.outputs.at(names[i]), paths[i]), tolerance) << names[i];
  }
}

// PyTorch's own optimisers, and Lion and Muon as the recording script writes them in PyTorch after their authors' code.
// Muon's five steps multiply an error by at most 3.4445^5, so rounding stays some powers of ten below the tolerances.
TEST(Optimizer, TrajectoriesAreTheRecordedOnes) {
  int trajectories = 0;
  for (const GoldenCase& golden : load_golden("optimizers.json")) {
    if (!golden.words.contains("optimizer")) continue;
    expect_trajectory(golden, DType::float64, golden_tolerance_float64);
    expect_trajectory(golden, DType::float32, golden_tolerance_float32);
    ++trajectories;
  }
  EXPECT_EQ(trajectories, 22);
}

// ---- state ----

struct Small {
  explicit Small(const OptimizerConfig& config = AdamConfig())
      : w(leaf(zeros({2, 3}, DType::float32), "w")),
        b(leaf(zeros({4}, DType::float32), "b")),
        optimizer(make_optimizer(config, {{w, true, true}, {b, false}})) {}
  Tensor w, b;
  std::unique_ptr<Optimizer> optimizer;
};

std::vector<std::string> state_names(const OptimizerConfig& config) {
  std::vector<std::string> names;
  for (const NamedState& entry : Small(config).optimizer->state()) names.push_back(entry.name);
  return names;
}

TEST(Optimizer, StateIsNamedByParameter) {
  SgdConfig momentum;
  momentum.momentum = 0.9;
  const std::vector<std::string> moments = {"w/first_moment", "w/second_moment", "b/first_moment", "b/second_moment"};
  EXPECT_EQ(state_names(SgdConfig()), std::vector<std::string>());
  EXPECT_EQ(state_names(momentum), (std::vector<std::string>{"w/velocity", "b/velocity"}));
  EXPECT_EQ(state_names(AdamConfig()), moments);
  EXPECT_EQ(state_names(AdamWConfig()), moments);
  EXPECT_EQ(state_names(LionConfig()), (std::vector<std::string>{"w/momentum", "b/momentum"}));
  EXPECT_EQ(state_names(MuonConfig()), (std::vector<std::string>{"w/momentum", "b/first_moment", "b/second_moment"}));
}

TEST(Optimizer, RestoreSaysAllThatDoesNotFitAndChangesNothing) {
  Small small;
  const TensorList gradients = {full({2, 3}, 1.0, DType::float32), full({4}, 1.0, DType::float32)};
  small.optimizer->step(gradients, 0.1);
  const std::vector<double> before = small.optimizer->state()[0].value.to_vector();
  std::vector<NamedState> saved = {{"w/first_moment", zeros({2, 3}, DType::float32)},
                                   {"w/second_moment", zeros({3, 2}, DType::float32)},
                                   {"b/first_moment", zeros({4}, DType::float64)},
                                   {"w/first_moment", zeros({2, 3}, DType::float32)},
                                   {"c/velocity", zeros({4}, DType::float32)}};
  EXPECT_EQ(error_of([&] { small.optimizer->restore(-1, saved); }),
            "optimizer: the saved state does not fit:\n"
            "  the step count is -1\n"
            "  w/first_moment: given twice\n"
            "  w/second_moment: (3, 2) of float32, not (2, 3) of float32\n"
            "  b/first_moment: (4) of float64, not (4) of float32\n"
            "  b/second_moment: missing\n"
            "  c/velocity: unknown");
  EXPECT_EQ(small.optimizer->step_count(), 1);
  EXPECT_EQ(small.optimizer->state()[0].value.to_vector(), before);
}

// ---- errors ----

TEST(Optimizer, RefusesGradientsThatDoNotFitAndChangesNothing) {
  Small small;
  const Tensor w = full({2, 3}, 1.0, DType::float32), b = full({4}, 1.0, DType::float32);
  const auto error = [&](const TensorList& gradients, double rate = 0.1, double scale = 1.0) {
    return error_of([&] { small.optimizer->step(gradients, rate, scale); });
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error({w}), "optimizer: 1 gradients for 2 parameters");
  EXPECT_EQ(error({w, Tensor()}), "optimizer: parameter b has no gradient");
  EXPECT_EQ(error({w, zeros({5}, DType::float32)}),
            "optimizer: parameter b is (4) of float32, its gradient (5) of float32");
  EXPECT_EQ(error({zeros({2, 3}, DType::float64), b}),
            "optimizer: parameter w is (2, 3) of float32, its gradient (2, 3) of float64");
  EXPECT_EQ(error({w, b}, nan), "optimizer: the learning rate is nan");
  EXPECT_EQ(error({w, b}, -0.5), "optimizer: the learning rate is -0.5");
  EXPECT_EQ(error({w, b}, 0.1, infinity), "optimizer: the gradients' scale is inf");
  EXPECT_EQ(small.optimizer->step_count(), 0);
  EXPECT_EQ(small.w.to_vector(), std::vector<double>(6, 0.0));
  for (const NamedState& entry : small.optimizer->state()) {
    for (const double value : entry.value.to_vector()) EXPECT_EQ(value, 0.0) << entry.name;
  }
}

TEST(Optimizer, RefusesParametersThatItCouldNotTrainOrSave) {
  const auto error = [](const TensorList& values) {
    std::vector<OptimizedParameter> parameters;
    for (const Tensor& value : values) parameters.push_back({value, true});
    return error_of([&] { make_optimizer(SgdConfig(), parameters); });
  };
  const Tensor w = leaf(zeros({2}, DType::float32), "w");
  EXPECT_EQ(error({w}), "no error");
  EXPECT_EQ(error({}), "no error");
  EXPECT_EQ(error({w, w}), "optimizer: parameter w stands twice");
  EXPECT_EQ(error({w, Tensor()}), "optimizer: parameter number 1 is undefined");
  EXPECT_EQ(error({leaf(zeros({2}, DType::float32))}),
            "optimizer: parameter number 0, of shape (2), has no name: make it by leaf(x, name)");
}

// The sign of 0 is 0: what never has a gradient stays. The sign of NaN is NaN: nothing hides it.
// The first step is r sign(g), so a parameter of a smaller rate moves by less; it decays as all do.
TEST(Optimizer, AdamWScalesTheRateOfAParameterButNotItsDecay) {
  const Tensor x = leaf(tensor({2, -3}, {2}, DType::float64), "x");
  AdamWConfig config;
  config.weight_decay = 0.5;
  config.epsilon = 1e-30;
  const auto optimizer = make_optimizer(config, {{.value = x, .decays = true, .rate_scale = 0.25}});
  optimizer->step({tensor({7, -0.1}, {2}, DType::float64)}, 0.1);
  EXPECT_NEAR(x.to_vector()[0], (1 - 0.1 * 0.5) * 2 - 0.1 * 0.25, 1e-15);
  EXPECT_NEAR(x.to_vector()[1], -(1 - 0.1 * 0.5) * 3 + 0.1 * 0.25, 1e-15);
}

TEST(Optimizer, LionMovesByTheSign) {
  const Tensor w = leaf(full({4}, 1.0, DType::float32), "w");
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  make_optimizer(LionConfig(), {{w, false}})->step({tensor({1e-30, -1e30, 0, nan}, {4}, DType::float32)}, 0.25);
  const std::vector<double> values = w.to_vector();
  EXPECT_EQ(std::vector<double>(values.begin(), values.begin() + 3), (std::vector<double>{0.75, 1.25, 1.0}));
  EXPECT_TRUE(std::isnan(values[3]));
}

// Only matrices between hidden layers are orthogonalised: a matrix that is not hidden moves as AdamW would move it.
TEST(Optimizer, MuonMovesAllElseByAdamW) {
  MuonConfig config;
  config.weight_decay = 0.1;
  AdamWConfig adamw;
  adamw.betas = config.betas;
  adamw.epsilon = config.epsilon;
  adamw.weight_decay = 0.1;
  RandomStream stream(RandomKey(5));
  const auto random = [&](const Shape& shape) {
    std::vector<double> values(static_cast<size_t>(shape.size()));
    for (double& value : values) value = stream.normal();
    return tensor(values, shape, DType::float64);
  };
  const Tensor start = random({3, 4});
  const Tensor outer = leaf(copy(start), "outer"), hidden = leaf(copy(start), "hidden"), same = leaf(copy(start), "s");
  const auto muon = make_optimizer(config, {{outer, true, false}, {hidden, true, true}});
  const auto reference = make_optimizer(adamw, {{same, true}});
  for (int i = 0; i < 3; ++i) {
    const Tensor gradient = random({3, 4});
    muon->step({gradient, gradient}, config.learning_rate);
    reference->step({gradient}, config.learning_rate * (config.adamw_learning_rate / config.learning_rate));
  }
  EXPECT_EQ(outer.to_vector(), same.to_vector());
  EXPECT_NE(hidden.to_vector(), same.to_vector());
}

TEST(Optimizer, AGraphThatSavedOldValuesRefusesTheNewOnes) {
  Small small;
  const Tensor loss = sum(square(small.w)) + sum(square(small.b));
  const TensorList gradients = grad(loss, {small.w, small.b}, {.keep_graph = true});
  small.optimizer->step(gradients, 0.1);
  EXPECT_NE(error_of([&] { grad(loss, {small.w, small.b}); }), "no error");
}

}  // namespace
}  // namespace transformlet
