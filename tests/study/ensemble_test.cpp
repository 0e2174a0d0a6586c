// Averages of probabilities against numbers made by hand.
#include "study/ensemble.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/tensors.h"

namespace transformlet {
namespace {

const ModelInputs inputs{.ids = Tokens({0}, {1, 1})};

struct Given : Model {
  explicit Given(const std::vector<double>& given, DType dtype = DType::float64)
      : logits(tensor(given, {1, 2}, dtype)) {}
  Tensor operator()(const ModelInputs&, const Pass&) const override { return logits; }
  std::vector<NamedLayer> layers() const override { return {}; }
  Tensor logits;
};

TEST(Ensemble, AveragesProbabilities) {
  const Given sure({std::log(0.9) + 7, std::log(0.1) + 7}), unsure({0, 0}), wrong({std::log(0.25), std::log(0.75)});
  const std::vector<double> two = Ensemble({&sure, &unsure})(inputs, Pass::evaluation()).to_vector();
  EXPECT_NEAR(two[0], std::log(0.7), 1e-15);
  EXPECT_NEAR(two[1], std::log(0.3), 1e-15);
  const std::vector<double> three = Ensemble({&sure, &unsure, &wrong})(inputs, Pass::evaluation()).to_vector();
  EXPECT_NEAR(three[0], std::log((0.9 + 0.5 + 0.25) / 3), 1e-15);
  EXPECT_NEAR(three[1], std::log((0.1 + 0.5 + 0.75) / 3), 1e-15);
}

// Probabilities far below the least number there is.
TEST(Ensemble, KeepsSmallProbabilities) {
  const Given a({0, -1000}, DType::float32), b({0, -1000}, DType::float32), c({0, 0}, DType::float32);
  EXPECT_EQ(Ensemble({&a, &b})(inputs, Pass::evaluation()).to_vector(), (std::vector<double>{0, -1000}));
  EXPECT_NEAR(Ensemble({&a, &c})(inputs, Pass::evaluation()).to_vector()[1], std::log(0.25), 1e-7);  // float32
}

// Its only weight is dropped half of the time: the logits are (0, 0) or (2, 0).
struct Dropped : Model {
  Tensor operator()(const ModelInputs&, const Pass& pass) const override {
    return pass.dropout("here", tensor({1, 0}, {1, 2}, DType::float64), 0.5);
  }
  std::vector<NamedLayer> layers() const override { return {}; }
};

TEST(DropoutSamples, AverageWhatDropoutLeaves) {
  const Dropped model;
  const RandomKey key(3);
  int64_t kept = 0;
  constexpr int64_t samples = 40;
  for (int64_t i = 0; i < samples; ++i) kept += model(inputs, Pass::training(key.value(), i)).to_vector()[0] == 2;
  EXPECT_GT(kept, 5);  // of 40 throws of a coin; less is as likely as 1e-6
  EXPECT_LT(kept, 35);
  const double first = std::exp(2) / (std::exp(2) + 1);
  const double expected = (static_cast<double>(kept) * first + static_cast<double>(samples - kept) * 0.5) / samples;
  const DropoutSamples sampled(model, samples, key);
  const std::vector<double> y = sampled(inputs, Pass::evaluation()).to_vector();
  EXPECT_NEAR(std::exp(y[0]), expected, 1e-14);
  EXPECT_NEAR(std::exp(y[1]), 1 - expected, 1e-14);
  EXPECT_EQ(sampled(inputs, Pass::evaluation()).to_vector(), y);
}

}  // namespace
}  // namespace transformlet
