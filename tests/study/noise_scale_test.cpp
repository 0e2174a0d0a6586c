// The probe of the gradient's noise, on a regression whose noise is known.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_from_keys.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// y = t'x + e with normal x (variance 1) and e (deviation s), at weights t + d: the loss (w'x - y)^2 / 2 of a sample
// has the gradient (d'x - e) x. Its mean is d, and the trace of its covariance |d|^2 (n + 1) + s^2 n, from the fourth
// moments of the normal distribution.
class LinearRegression : public testing::Test {
 protected:
  static constexpr int64_t samples = 20000, width = 5;

  LinearRegression() {
    Scope(parameters, 1, DType::float64).parameter("w", {1, width}, constant(2.0));  // d = 1 1 1 1 1
    const Tensor noise = random_tensor("e", {samples, 1});
    y = linear(x, full({1, width}, 1, DType::float64)) + 1.5 * noise;
  }
  ProbeView view(int64_t count) const {
    return {.step = 0,
            .model = model,
            .parameters = parameters,
            .examples = examples,
            .batch_size = count,
            .loss_share = [this, count](int64_t begin, int64_t end) {
              const Tensor error = linear(slice(x, 0, begin, end), parameters.tensors()[0]) - slice(y, 0, begin, end);
              return sum(square(error)) / (2.0 * static_cast<double>(count));
            }};
  }

  const Tensor x = random_tensor("x", {samples, width});
  Tensor y;
  Unasked model;
  Parameters parameters;
  ModelInputs examples;
};

// With 20,000 samples the estimate of the trace has a relative deviation of 1 %, by a sample's fourth moments, and that
// of |d|^2 of 2 |G| sqrt(var along d / 20000) / |G|^2 = 2 %.
TEST_F(LinearRegression, HasAKnownNoiseScale) {
  const double covariance = 5 * (width + 1) + 2.25 * width;
  for (const char* const keys : {"groups: 0", "groups: 2000"}) {
    auto values = measured_with("noise_scale", keys, view(samples));
    EXPECT_NEAR(values["covariance"] / covariance, 1, 0.05) << keys;
    EXPECT_NEAR(values["gradient"] / 5, 1, 0.05) << keys;
    EXPECT_NEAR(values["scale"] / (covariance / 5), 1, 0.05) << keys;
  }
}

// Appendix A.1: with |G_small|^2 the mean over groups of b samples and |G_big|^2 of all B,
// |G|^2 = (B |G_big|^2 - b |G_small|^2) / (B - b), S = (|G_small|^2 - |G_big|^2) / (1 / b - 1 / B). Samples that fill
// no group count nothing.
TEST_F(LinearRegression, IsThatOfThePaper) {
  constexpr int64_t b = 6, groups = 5;
  constexpr double B = b * groups;
  std::vector<double> big(width);
  double small = 0;
  for (int64_t group = 0; group < groups; ++group) {
    const Tensor error = linear(slice(x, 0, group * b, (group + 1) * b), parameters.tensors()[0]) -
                         slice(y, 0, group * b, (group + 1) * b);
    const std::vector<double> g =
        (matmul(error, slice(x, 0, group * b, (group + 1) * b), true) / double(b)).to_vector();
    for (size_t i = 0; i < g.size(); ++i) {
      big[i] += g[i] / groups;
      small += g[i] * g[i] / groups;
    }
  }
  double size = 0;
  for (const double value : big) size += value * value;
  auto values = measured_with("noise_scale", "groups: 5", view(34));
  EXPECT_NEAR(values["gradient"], (B * size - b * small) / (B - b), 1e-12 * size);
  EXPECT_NEAR(values["covariance"], (small - size) / (1.0 / b - 1 / B), 1e-12 * B * small);
}

TEST_F(LinearRegression, NeedsASpread) {
  EXPECT_EQ(error_text([&] { measured_with("noise_scale", "groups: 5", view(4)); }),
            "probes.noise_scale: a batch of 4 can't be divided into 5 groups; give 2 to 4");
  EXPECT_NE(error_text([&] {
              measured_with("noise_scale", "groups: 1", view(4));
            }).find("groups: one group has no spread: give 0 or at least 2"),
            std::string::npos);
}

}  // namespace
}  // namespace transformlet
