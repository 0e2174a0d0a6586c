// The local learning coefficient where the walk's distribution is known exactly: on a parabola.
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops.h"
#include "tests/study/probe_tools.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

struct NoModel : Model {
  Tensor operator()(const ModelInputs&, const Pass&) const override { fail("nobody asks it"); }
  std::vector<NamedLayer> layers() const override { return {}; }
};

// L(w) = sum h w^2 / 2 around w* = (1, 1, ...), of 1000 examples. Half of the curvatures h are 2, half are 0.
struct Parabola {
  Parabola() {
    const Scope scope(parameters, 1, DType::float64);
    scope.parameter("w", {width}, all_ones());
    std::vector<double> values(width, 0.0);
    std::fill_n(values.begin(), width / 2, curvature);
    h = tensor(values, {width}, DType::float64);
  }
  Tensor loss() const { return sum(h * square(parameters.list()[0].value - scalar(1, DType::float64))) * 0.5; }

  ProbeView view(int64_t batch_size = 1000) const {
    return {.step = 7,
            .model = model,
            .parameters = parameters,
            .examples = examples,
            .loss_parts = {[this] { return loss() * 0.25; }, [this] { return loss() * 0.75; }},
            .key = RandomKey(5),
            .batch_size = batch_size,
            .training_size = 1000};
  }

  static constexpr int64_t width = 400;
  static constexpr double curvature = 2;
  NoModel model;
  ModelInputs examples;
  Parameters parameters;
  Tensor h;
};

constexpr const char* walk = "chains: 8, draws: 800, burn_in: 100, step_size: 1.0e-3, localisation: ";

// A coordinate is w' = (1 - e k / 2) w + sqrt(e) normal with k = n b h + localisation, so its variance is
// 1 / (k (1 - e k / 4)); without discretisation and localisation each that matters would count 1/2.
TEST(LocalLearningCoefficient, OfAParabolaIsThatOfTheWalk) {
  const Parabola parabola;
  struct Case {
    std::string keys;
    double inverse_temperature, localisation;
  };
  for (const auto& [keys, inverse_temperature, localisation] :
       {Case{"3", 1 / std::log(1000.0), 3}, Case{"300", 1 / std::log(1000.0), 300},
        Case{"3, inverse_temperature: 0.4", 0.4, 3}}) {
    auto values = measured("local_learning_coefficient", parabola.view(), walk + keys);
    const double scale = 1000 * inverse_temperature, k = scale * Parabola::curvature + localisation;
    const double exact = Parabola::width / 2 * 0.5 * scale * Parabola::curvature / (k * (1 - 1e-3 * k / 4));
    EXPECT_EQ(values["diverged"], 0);
    EXPECT_LT(values["standard_error"], 0.01 * exact);  // 8 * 800 draws of 200 numbers, which forget in some ten draws
    EXPECT_NEAR(values["mean"], exact, 5 * values["standard_error"]);
  }
}

// The deviation between chains by the root of their number, from the means of the first one, two and three.
TEST(LocalLearningCoefficient, ErrorIsThatOfTheMean) {
  const Parabola parabola;
  const auto of_chains = [&](int64_t chains) {
    return measured("local_learning_coefficient", parabola.view(),
                    fmt::format("chains: {}, draws: 40, burn_in: 10", chains));
  };
  auto one = of_chains(1), two = of_chains(2), three = of_chains(3);
  const double mean = three["mean"], a = one["mean"], b = 2 * two["mean"] - a, c = 3 * mean - a - b;
  const double squares = (a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean);
  EXPECT_GT(squares, 0);
  EXPECT_NEAR(three["standard_error"], std::sqrt(squares / 2 / 3), 1e-12 * a);  // rounding
}

TEST(LocalLearningCoefficient, PutsTheWeightsBackToTheBit) {
  const Parabola parabola;
  Tensor w = parabola.parameters.list()[0].value;
  overwrite<double>(w)[3] = 0.1;
  const std::vector<double> before = w.to_vector();
  const auto values = measured("local_learning_coefficient", parabola.view(), walk + std::string("3"));
  EXPECT_EQ(w.to_vector(), before);
  EXPECT_EQ(measured("local_learning_coefficient", parabola.view(), walk + std::string("3")), values);
}

// Of batches that differ by a constant alone the estimate is that of the whole: L(w*) is of the same batches.
TEST(LocalLearningCoefficient, TakesTheLossesOfTheBatchesThatFollow) {
  const Parabola parabola;
  auto whole = measured("local_learning_coefficient", parabola.view(), "chains: 2, draws: 40, burn_in: 10");
  ProbeView view = parabola.view(10);
  std::map<int64_t, int> asked;
  view.loss_parts_at = [&](int64_t step) -> std::vector<std::function<Tensor()>> {
    ++asked[step];
    return {[&, step] { return parabola.loss() + scalar(static_cast<double>(step), DType::float64); }};
  };
  auto values = measured("local_learning_coefficient", view, "chains: 2, draws: 40, burn_in: 10");
  EXPECT_NEAR(values["mean"], whole["mean"], 1e-9);  // differences of losses of about 60
  EXPECT_NEAR(values["standard_error"], whole["standard_error"], 1e-9);
  EXPECT_EQ(asked.size(), 50u);
  for (const auto& [step, times] : asked) {
    EXPECT_GE(step, 7);
    EXPECT_EQ(times, step < 17 ? 2 : 3) << step;  // the burn-in of two chains; then w*, too
  }
}

TEST(LocalLearningCoefficient, ChainsThatDivergeCountForNothing) {
  const Parabola parabola;
  const std::vector<double> before = parabola.parameters.list()[0].value.to_vector();
  const auto values = measured("local_learning_coefficient", parabola.view(), "chains: 3, step_size: 1");
  EXPECT_EQ(values, (std::map<std::string, double>{{"diverged", 3}}));
  EXPECT_EQ(parabola.parameters.list()[0].value.to_vector(), before);
  const auto one = measured("local_learning_coefficient", parabola.view(), "chains: 1, draws: 10, burn_in: 0");
  EXPECT_EQ(one.count("standard_error"), 0u);
  EXPECT_EQ(one.count("mean"), 1u);
}

}  // namespace
}  // namespace transformlet
