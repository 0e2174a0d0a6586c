// The probe of Fourier components, against a model whose logits are known waves.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "layers/initializers.h"
#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

constexpr int64_t p = 11;

double wave(int64_t k, int64_t x) { return std::cos(2 * std::numbers::pi * static_cast<double>(k * x) / p); }

// What stands at c for every pair, besides waves: an offset that does not depend on the pair.
double offset(int64_t c) { return 0.3 * static_cast<double>(c % 3); }

// 4 cos w2(a + b - c) + 2 cos w3(a + b - c) + 1.5 cos w4(a - b + c) + cos w5 (a + b + 2 c) + offset(c): two waves of
// the sum that will be key, one of the difference, and one of the sum that will not be key.
struct Waves : Model {
  Tensor operator()(const ModelInputs& inputs, const Pass& /*pass*/) const override {
    std::vector<double> logits;
    for (int64_t place = 0; place < inputs.ids.size(); ++place) {
      const int64_t a = place % 3 == 2 ? inputs.ids[place - 2] : 0, b = place % 3 == 2 ? inputs.ids[place - 1] : 0;
      for (int64_t c = 0; c < p; ++c) logits.push_back(key_waves(a + b, c) + others(a, b, c) + offset(c));
    }
    return tensor(logits, {inputs.ids.shape()[0], 3, p}, DType::float64);
  }
  std::vector<NamedLayer> layers() const override { return {}; }

  static double key_waves(int64_t s, int64_t c) { return 4 * wave(2, s - c) + 2 * wave(3, s - c); }
  static double others(int64_t a, int64_t b, int64_t c) { return 1.5 * wave(4, a - b + c) + wave(5, a + b + 2 * c); }
};

template <class Logit>
double loss(const Logit& logit, int64_t target) {
  double sum = 0;
  for (int64_t c = 0; c < p; ++c) sum += std::exp(logit(c));
  return std::log(sum) - logit(target);
}

class FourierProbe : public testing::Test {
 protected:
  // Columns of an embedding: 2 cos w3 a, sin w3 a, 3 cos w2 a, 0.5 cos w1 a and a constant; the sign's row is whatever.
  FourierProbe() {
    const Scope scope(parameters, 1, DType::float64);
    Tensor table = scope.parameter("embedding.weight", {p + 1, 5}, all_ones(), ParameterKind::embedding);
    for (int64_t a = 0; a < p; ++a) {
      const double sine = std::sin(2 * std::numbers::pi * static_cast<double>(3 * a) / p);
      const std::vector<double> row = {2 * wave(3, a), sine, 3 * wave(2, a), 0.5 * wave(1, a), 7};
      std::copy(row.begin(), row.end(), overwrite<double>(table) + 5 * a);
    }
  }

  std::map<std::string, double> measure(const std::string& keys) const {
    const Waves model;
    ProbeView view = view_of(model, parameters, examples);
    view.batch = [&] { return batch; };
    return measured("fourier", view, keys);
  }

  Parameters parameters;
  ModelInputs examples{.ids = Tokens({1, 2, p}, {1, 3})};
  ModelInputs batch{.ids = Tokens({3, 9, p, 10, 4, p}, {2, 3})};
};

// Powers of 4 + 1, 9 and 0.25, in the same unit. 1e-12: rounding of sums of 121 terms.
TEST_F(FourierProbe, FindsFrequencies) {
  auto values = measure("keys: 2");
  EXPECT_NEAR(values["power/1"], 0.25 / 14.25, 1e-12);
  EXPECT_NEAR(values["power/2"], 9 / 14.25, 1e-12);
  EXPECT_NEAR(values["power/3"], 5 / 14.25, 1e-12);
  EXPECT_NEAR(values["power/4"], 0, 1e-12);
  EXPECT_EQ(values["key/1"], 2);
  EXPECT_EQ(values["key/2"], 3);
  EXPECT_NEAR(values["key_power"], 14 / 14.25, 1e-12);
  EXPECT_EQ(values.count("key/3"), 0u);
}

TEST_F(FourierProbe, RestrictsAndExcludes) {
  auto values = measure("keys: 2");
  double restricted = 0;
  for (int64_t s = 0; s < p; ++s)
    restricted += loss([&](int64_t c) { return Waves::key_waves(s, c) + offset(c); }, s) / p;
  EXPECT_NEAR(values["restricted_loss"], restricted, 1e-12);
  const double excluded = (loss([](int64_t c) { return Waves::others(3, 9, c) + offset(c); }, 1) +
                           loss([](int64_t c) { return Waves::others(10, 4, c) + offset(c); }, 3)) /
                          2;
  EXPECT_NEAR(values["excluded_loss"], excluded, 1e-12);
}

// The order in which they are given is kept.
TEST_F(FourierProbe, TakesTheFrequenciesThatItIsGiven) {
  auto values = measure("frequencies: [5]");
  EXPECT_EQ(values["key/1"], 5);
  double restricted = 0;
  for (int64_t s = 0; s < p; ++s) restricted += loss([&](int64_t c) { return wave(5, s + 2 * c) + offset(c); }, s) / p;
  EXPECT_NEAR(values["restricted_loss"], restricted, 1e-12);
}

TEST_F(FourierProbe, SaysWhatItCannotMeasure) {
  const auto error = [&](const std::string& keys) {
    try {
      measure(keys);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error("frequencies: [6]"), "fourier: 6 is no frequency modulo 11: they are 1 to 5");
  examples.ids = Tokens({1, 2}, {1, 2});
  EXPECT_EQ(error(""), "fourier: examples (1, 2) are no pairs of residues and a sign of equality");
  examples.ids = Tokens({1, 2, 7}, {1, 3});
  EXPECT_EQ(error(""), "fourier: no parameter is an embedding of 7 residues and the sign of equality");
}

}  // namespace
}  // namespace transformlet
