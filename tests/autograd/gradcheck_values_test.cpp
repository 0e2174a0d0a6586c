// Numeric derivatives against exact ones: within their error bars, and the bars are narrow.
#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/gradcheck/differences.h"
#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using namespace checking;

// A function of each element, and its derivative in long double.
struct Known {
  std::string name;
  std::function<Tensor(const Tensor&)> call;
  std::function<long double(long double)> derivative;
  double least, most;  // where it is checked, by size
  bool negative = false;
};
void PrintTo(const Known& known, std::ostream* out) { *out << known.name; }

std::vector<Known> known_functions() {
  const auto square_of = [](long double x) { return x * x; };
  return {
      {"exp", [](const Tensor& x) { return exp(x); }, [](long double x) { return expl(x); }, 1e-8, 100, true},
      {"log", [](const Tensor& x) { return log(x); }, [](long double x) { return 1 / x; }, 1e-8, 1e8},
      {"sqrt", [](const Tensor& x) { return sqrt(x); }, [](long double x) { return 0.5L / sqrtl(x); }, 1e-8, 1e8},
      {"reciprocal", [](const Tensor& x) { return 1.0 / x; }, [](long double x) { return -1 / (x * x); }, 1e-8, 1e8,
       true},
      {"cubic", [](const Tensor& x) { return x * x * x - 2.0 * x; }, [](long double x) { return 3 * x * x - 2; }, 1e-8,
       1e8, true},
      {"power_2.5", [](const Tensor& x) { return power(x, 2.5); }, [](long double x) { return 2.5L * powl(x, 1.5L); },
       1e-8, 1e8},
      {"product", [](const Tensor& x) { return x * exp(-x); }, [](long double x) { return (1 - x) * expl(-x); }, 1e-8,
       30, true},
      {"quotient", [](const Tensor& x) { return x / (square(x) + 1.0); },
       [=](long double x) { return (1 - x * x) / square_of(1 + x * x); }, 1e-8, 1e4, true},
      // Waves: tanh of a wave-like polynomial, and a bump.
      {"tanh_of_a_polynomial", [](const Tensor& x) { return tanh(x - x * x * x / 6.0); },
       [=](long double x) { return (1 - x * x / 2) / square_of(coshl(x - x * x * x / 6)); }, 1e-8, 3, true},
      {"bump", [](const Tensor& x) { return exp(-square(x)); }, [](long double x) { return -2 * x * expl(-x * x); },
       1e-8, 4, true},
      {"erf", [](const Tensor& x) { return erf(x); },
       [](long double x) { return 2 / sqrtl(acosl(-1.0L)) * expl(-x * x); }, 1e-8, 4, true},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); },
       [=](long double x) { return expl(-x) / square_of(1 + expl(-x)); }, 1e-8, 30, true},
  };
}

// The derivative of the sum of all outputs by one entry.
Estimate estimate_at(const std::function<Tensor(const Tensor&)>& call, const Tensor& x, int64_t at, double analytic) {
  Problem problem;
  problem.inputs = {x};
  problem.differentiable = [&]() -> TensorList { return {call(x)}; };
  problem.value = [&]() -> Evaluated { return {{call(x)}, {}}; };
  problem.cotangents = {full(call(x).shape(), 1, x.dtype())};
  problem.epsilon = epsilon_of({call(x)}, {x});
  const GradcheckOptions options;
  const Differences differences(problem, options);
  const double own = std::abs(value_at(x, at)), unit = root_mean_squares({x})[0];
  return differences.estimate(along_entry(x, at), std::max(own, unit), analytic, own);
}

std::vector<double> points_of(const Known& known) {
  std::vector<double> points;
  for (double x = known.least * 1.37; x < known.most; x *= 3.1) {
    points.push_back(x);
    if (known.negative) points.push_back(-x);
  }
  return points;
}

class KnownTest : public testing::TestWithParam<Known> {};

// Each point as a tensor of its own. A bar of 1e-9 of a value that is itself of the size of the function over its
// scale.
TEST_P(KnownTest, OneEntry) {
  for (const double at : points_of(GetParam())) {
    const Tensor x = leaf(tensor({at}, {1}, DType::float64));
    const double exact = static_cast<double>(GetParam().derivative(at));
    const Estimate estimate = estimate_at(GetParam().call, x, 0, exact);
    ASSERT_EQ(estimate.reason, Reason::none) << at;
    EXPECT_LE(std::abs(estimate.value - exact), 8 * estimate.error_bar) << "at " << at << ", exact " << exact;
    const double size = std::max(std::abs(exact), std::abs(GetParam().call(x).item()) / std::max(1.0, std::abs(at)));
    // Work ends where eight bars are the tolerance, or, from steps in proportion to a tiny entry, the resolution.
    EXPECT_LT(8 * estimate.error_bar, (std::abs(at) > 0.01 ? 1e-8 : 1e-6) * size) << "at " << at << ", exact " << exact;
  }
}

// All points in one tensor: small entries among large ones.
TEST_P(KnownTest, EntriesOfAllSizesSideBySide) {
  const std::vector<double> points = points_of(GetParam());
  const Tensor x = leaf(tensor(points, {static_cast<int64_t>(points.size())}, DType::float64));
  for (size_t i = 0; i < points.size(); ++i) {
    const double exact = static_cast<double>(GetParam().derivative(points[i]));
    const Estimate estimate = estimate_at(GetParam().call, x, static_cast<int64_t>(i), exact);
    ASSERT_EQ(estimate.reason, Reason::none) << points[i];
    EXPECT_LE(std::abs(estimate.value - exact), 8 * estimate.error_bar) << "at " << points[i] << ", exact " << exact;
  }
}

// The estimate is the same whatever it is compared with: a wrong value doesn't attract it.
TEST_P(KnownTest, AWrongGradientDoesNotMoveTheEstimate) {
  for (const double at : points_of(GetParam())) {
    const Tensor x = leaf(tensor({at}, {1}, DType::float64));
    const double exact = static_cast<double>(GetParam().derivative(at));
    for (const double wrong : {2 * exact, -exact, 0.0, exact + 1}) {
      const Estimate estimate = estimate_at(GetParam().call, x, 0, wrong);
      EXPECT_LE(std::abs(estimate.value - exact), 8 * estimate.error_bar) << "at " << at << ", exact " << exact;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, KnownTest, testing::ValuesIn(known_functions()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

// Adding a large number and taking it away again rounds to a multiple of its last bit. The bar knows.
TEST(GradcheckValues, NoiseWidensTheBar) {
  double before = 0;
  for (const double large : {1.0, 1e3, 1e6, 1e9, 1e11}) {
    double widest = 0;
    for (int i = 0; i < 40; ++i) {
      const double at = 0.3 + 0.0713 * i;
      const Tensor x = leaf(tensor({at}, {1}, DType::float64));
      const auto noisy = [&](const Tensor& x) { return (exp(x) + large) - large; };
      const Estimate estimate = estimate_at(noisy, x, 0, std::exp(at));
      EXPECT_LE(std::abs(estimate.value - std::exp(at)), 8 * estimate.error_bar) << large << " at " << at;
      widest = std::max(widest, estimate.error_bar);
    }
    // Rounding to multiples of 2^-52 * large, over steps of about 1/64; and less than the tolerance needs of exp(3.2).
    EXPECT_LT(widest, 1e3 * 0x1p-52 * large + 1e-8 * 25 / 8) << large;
    EXPECT_GT(widest, 0x1p-52 * large) << large;
    EXPECT_GE(widest, before);
    before = widest;
  }
}

TEST(GradcheckValues, NoiseThatHidesTheGradientIsUnchecked) {
  const auto function = [](double large) {
    return [large](const TensorList& in) -> TensorList { return {(exp(in[0]) + large) - large}; };
  };
  const TensorList in = {random_leaf("x", {5})};
  EXPECT_EQ(gradcheck(function(1e3), in).rows[0].passed, 5);
  const GradcheckResult result = gradcheck(function(1e11), in);
  EXPECT_EQ(result.rows[0].noisy, 5) << result;
  EXPECT_EQ(result.verdict(), Verdict::unchecked);
}

}  // namespace
}  // namespace transformlet
