// The probe of curvature, on a loss whose Hessian is a known diagonal: 1/2 sum c x^2.
#include <gtest/gtest.h>

#include <cmath>

#include "optim/config.h"
#include "tests/study/probe_from_keys.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

class CurvatureProbe : public testing::Test {
 protected:
  CurvatureProbe() {
    const Scope scope(parameters, 1, DType::float64);
    (scope / "a").parameter("weight", {2}, constant(0.5));  // c = 3 1
    scope.parameter("b", {2}, constant(-2.0));              // c = 8 -20
  }

  Tensor loss() const {
    const TensorList x = parameters.tensors();
    return 0.5 * (sum(tensor({3, 1}, {2}, DType::float64) * square(x[0])) +
                  sum(tensor({8, -20}, {2}, DType::float64) * square(x[1])));
  }
  std::map<std::string, double> measure(const std::string& keys, const Optimizer* optimizer = nullptr) const {
    return measured_with("curvature", keys,
                         {.step = 3,
                          .model = model,
                          .parameters = parameters,
                          .examples = examples,
                          .loss_parts = {[this] { return loss(); }},
                          .optimizer = optimizer,
                          .learning_rate = 0.1});
  }
  std::unique_ptr<Optimizer> optimizer(const OptimizerConfig& config) const {
    std::vector<OptimizedParameter> optimized;
    for (const Tensor& x : parameters.tensors()) optimized.push_back({x, false});
    return make_optimizer(config, std::move(optimized));
  }

  Unasked model;
  Parameters parameters;
  ModelInputs examples;
};

TEST_F(CurvatureProbe, MeasuresEigenvaluesAndTrace) {
  auto values = measure("eigenvalues: 3, trace_samples: 5");
  EXPECT_NEAR(values["eigenvalue_0"], 8, 1e-12);
  EXPECT_NEAR(values["eigenvalue_1"], 3, 1e-12);
  EXPECT_NEAR(values["eigenvalue_2"], 1, 1e-12);
  EXPECT_EQ(values["sharpness"], values["eigenvalue_0"]);
  EXPECT_EQ(values["iterations"], 4);
  EXPECT_LT(values["residual_0"], 1e-12);
  EXPECT_EQ(values["trace"], -8);
  EXPECT_EQ(values["trace_error"], 0);
  EXPECT_EQ(values.size(), 10u);
}

TEST_F(CurvatureProbe, MeasuresABlock) {
  auto values = measure("parameters: [a], trace_samples: 2", optimizer(SgdConfig()).get());
  EXPECT_NEAR(values["sharpness"], 3, 1e-12);
  EXPECT_EQ(values["trace"], 4);
  EXPECT_EQ(values.count("edge"), 0u);
  EXPECT_NEAR(measure("parameters: [b, a.weight]")["sharpness"], 8, 1e-12);
  EXPECT_EQ(
      error_text([&] { measure("parameters: [a, a.wight]"); }),
      "probes.curvature.parameters: no parameter is a.wight or below it (did you mean a.weight?); the first of the "
      "model is a.weight");
}

TEST_F(CurvatureProbe, TellsTheEdgeOfGradientDescent) {
  SgdConfig config;
  EXPECT_NEAR(measure("", optimizer(config).get())["edge"], 8 * 0.1 / 2, 1e-12);
  config.momentum = 0.9;
  EXPECT_NEAR(measure("", optimizer(config).get())["edge"], 8 * 0.1 / 3.8, 1e-12);
}

// After two steps with betas 0.9 and 0.99 from this state: P = (1 - 0.81) (sqrt(v / (1 - 0.9801)) + 0.5).
TEST_F(CurvatureProbe, DividesByAdamsPreconditioner) {
  AdamConfig config;
  config.betas = {0.9, 0.99};
  config.epsilon = 0.5;
  const auto adam = optimizer(config);
  EXPECT_EQ(measure("preconditioned: true", adam.get()).size(), 4u);  // no step yet: only the plain ones
  std::vector<NamedState> state = adam->state();
  const auto second_moment = [](double root_a, double root_b) {
    return tensor({root_a * root_a * 0.0199, root_b * root_b * 0.0199}, {2}, DType::float64);
  };
  for (NamedState& entry : state) {
    entry.value = entry.name == "a.weight/second_moment" ? second_moment(0.25, 1.5)
                  : entry.name == "b/second_moment"      ? second_moment(3.5, 0)
                                                         : zeros({2}, DType::float64);
  }
  adam->restore(2, state);
  auto values = measure("preconditioned: true", adam.get());
  // 3 / 0.75, 1 / 2, 8 / 4, -20 / 0.5
  EXPECT_NEAR(values["preconditioned_sharpness"], 4 / 0.19, 1e-12 * 40 / 0.19);
  EXPECT_NEAR(values["preconditioned_edge"], 4 / 0.19 * 0.1 / 38, 1e-12);
  EXPECT_NEAR(values["sharpness"], 8, 1e-12);
  EXPECT_EQ(values.count("edge"), 0u);
  EXPECT_NEAR(measure("preconditioned: true, eigenvalues: 0, parameters: [b]", adam.get())["preconditioned_sharpness"],
              2 / 0.19, 1e-12 * 40 / 0.19);
}

TEST_F(CurvatureProbe, SaysWhatIsWrong) {
  EXPECT_EQ(error_text([&] { measure("preconditioned: true", optimizer(SgdConfig()).get()); }),
            "probes.curvature.preconditioned: this optimiser has no preconditioner; leave it out (adam and adamw have "
            "one)");
  const auto keys_error = [&](const std::string& keys) { return error_text([&] { measure(keys); }); };
  EXPECT_NE(keys_error("trace_samples: 1").find("trace_samples: must be 0 or at least 2, to tell an error"),
            std::string::npos);
  EXPECT_NE(keys_error("eigenvalues: 3, iterations: 2").find("eigenvalues: more eigenvalues than iterations"),
            std::string::npos);
}

}  // namespace
}  // namespace transformlet
