// When probes measure, and what they say, against numbers made by hand.
#include "study/probe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "layers/initializers.h"
#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

std::vector<int64_t> due_steps(const Cadence& cadence, int64_t last) {
  std::vector<int64_t> result;
  for (int64_t step = 0; step <= last; ++step) {
    if (cadence.is_due(step)) result.push_back(step);
  }
  return result;
}

TEST(Cadence, MeasuresWhenItIsTold) {
  EXPECT_EQ(due_steps({.every = 4}, 12), (std::vector<int64_t>{0, 4, 8, 12}));
  EXPECT_EQ(due_steps({.steps = {7, 3}}, 12), (std::vector<int64_t>{3, 7}));
  EXPECT_EQ(due_steps({.every = 5, .steps = {7}, .also = "powers_of_two"}, 17),
            (std::vector<int64_t>{0, 1, 2, 4, 5, 7, 8, 10, 15, 16}));
  // The 154 checkpoints that Pythia has of its 143,000 steps.
  const std::vector<int64_t> pythia = due_steps({.also = "pythia"}, 143000);
  EXPECT_EQ(pythia.size(), 154u);
  EXPECT_EQ(std::vector<int64_t>(pythia.begin() + 9, pythia.begin() + 13),
            (std::vector<int64_t>{256, 512, 1000, 2000}));
}

// Its only layer attends as it is told.
struct Fixed : Model {
  Tensor operator()(const ModelInputs&, const Pass& pass) const override {
    return pass.tap("encoder.blocks.0.attention", "weights", weights);
  }
  std::vector<NamedLayer> layers() const override { return {}; }

  Tensor weights;
};

// Tokens 5 6 5 6. The first head attends evenly to what it may see; the second, once a token comes again, to what
// followed it, and before that to the first position.
TEST(AttentionProbe, ScoresHeads) {
  Fixed model;
  model.weights = tensor({1,      0,      0,      0, 1. / 2, 1. / 2, 0,      0,       //
                          1. / 3, 1. / 3, 1. / 3, 0, 1. / 4, 1. / 4, 1. / 4, 1. / 4,  //
                          1,      0,      0,      0, 1,      0,      0,      0,       //
                          0,      1,      0,      0, 0,      0,      1,      0},
                         {1, 2, 4, 4}, DType::float64);
  const ModelInputs examples{.ids = Tokens({5, 6, 5, 6}, {1, 4}), .mask = Mask::causal()};
  auto values = measured("attention", view_of(model, Parameters(), examples));
  const std::string even = "encoder.blocks.0.attention.0/", induction = "encoder.blocks.0.attention.1/";
  ASSERT_EQ(values.size(), 8u);
  EXPECT_NEAR(values[even + "entropy"], (std::log(2) + std::log(3) + std::log(4)) / 4, 1e-15);
  EXPECT_NEAR(values[even + "distance"], (0 + 0.5 + 1 + 1.5) / 4, 1e-15);
  EXPECT_NEAR(values[even + "previous_token"], (1. / 2 + 1. / 3 + 1. / 4) / 3, 1e-15);
  EXPECT_NEAR(values[even + "prefix_matching"], (1. / 3 + 1. / 4) / 2, 1e-15);
  EXPECT_EQ(values[induction + "entropy"], 0);
  EXPECT_EQ(values[induction + "distance"], (0 + 1 + 1 + 1) / 4.0);
  EXPECT_EQ(values[induction + "previous_token"], (1 + 1 + 1) / 3.0);
  EXPECT_EQ(values[induction + "prefix_matching"], 1);
}

// Real vectors have no tokens to be found again; the other scores are those of the same weights.
TEST(AttentionProbe, MeasuresHeadsOverRealVectors) {
  Fixed model;
  model.weights = tensor({1, 0, 0, 0.5, 0.5, 0, 0.25, 0.25, 0.5}, {1, 1, 3, 3}, DType::float64);
  const ModelInputs tokens{.ids = Tokens({5, 5, 5}, {1, 3})}, vectors{.values = zeros({1, 3, 2}, DType::float32)};
  auto expected = measured("attention", view_of(model, Parameters(), tokens));
  EXPECT_EQ(expected.erase("encoder.blocks.0.attention.0/prefix_matching"), 1u);
  EXPECT_EQ(expected.size(), 3u);
  EXPECT_EQ(measured("attention", view_of(model, Parameters(), vectors)), expected);
}

// Padding's queries, those that may attend to nothing, and attention to another sequence do not count.
TEST(AttentionProbe, LeavesOutWhatIsNoQuery) {
  Fixed model;
  model.weights = tensor({0, 0, 0, 1, 0, 0, 0.5, 0.5, 0}, {1, 1, 3, 3}, DType::float64);
  const ModelInputs padded{.ids = Tokens({1, 2, 3}, {1, 3}), .mask = Mask::padding({2})};
  auto values = measured("attention", view_of(model, Parameters(), padded));
  EXPECT_EQ(values["encoder.blocks.0.attention.0/distance"], 1);
  EXPECT_EQ(values.count("encoder.blocks.0.attention.0/prefix_matching"), 0u);
  model.weights = tensor({1, 0, 1, 0, 0, 1}, {1, 1, 3, 2}, DType::float64);
  EXPECT_TRUE(measured("attention", view_of(model, Parameters(), padded)).empty());
}

TEST(NormsProbe, MeasuresWeightGradientAndUpdate) {
  Parameters parameters;
  const Scope scope(parameters, 1, DType::float64);
  scope.parameter("a", {2}, all_zeros());
  Tensor a = parameters.list()[0].value;
  overwrite<double>(a)[0] = 3;
  overwrite<double>(a)[1] = 5;
  const TensorList updates = {tensor({0, 1}, {2}, DType::float64)};
  const auto gradients = [] { return TensorList{tensor({-6, 8}, {2}, DType::float64)}; };
  auto values = measured("norms", view_of(Fixed(), parameters, {}, updates, gradients));
  ASSERT_EQ(values.size(), 3u);
  EXPECT_NEAR(values["a/weight"], std::sqrt(17), 1e-15);
  EXPECT_NEAR(values["a/gradient"], std::sqrt(50), 1e-15);
  EXPECT_NEAR(values["a/update_ratio"], 1.0 / 5, 1e-15);  // from 3 4
  EXPECT_EQ(measured("norms", view_of(Fixed(), parameters, {}, {}, gradients)).size(), 2u);
}

}  // namespace
}  // namespace transformlet
