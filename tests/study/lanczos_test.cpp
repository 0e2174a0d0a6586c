// Spectra that are known in closed form.
#include "study/lanczos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/tensors.h"

namespace transformlet {
namespace {

using Vector = std::vector<double>;

SymmetricMap diagonal(const Vector& entries) {
  return [entries](const Vector& x) {
    Vector y = x;
    for (size_t i = 0; i < y.size(); ++i) y[i] *= entries[i];
    return y;
  };
}

// -1 2 -1 on every row: eigenvalues 2 - 2 cos(k pi / (n + 1)).
Vector second_difference(const Vector& x) {
  Vector y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = 2 * x[i] - (i > 0 ? x[i - 1] : 0) - (i + 1 < x.size() ? x[i + 1] : 0);
  return y;
}
double difference_eigenvalue(int64_t n, int64_t k) {
  return 2 - 2 * std::cos(static_cast<double>(k) * std::numbers::pi / static_cast<double>(n + 1));
}

// Rounding of 60 products and as many orthogonalisations: some 1e-14 of the largest, 4.
TEST(Lanczos, FindsTheWholeSpectrumOfTheSecondDifference) {
  constexpr int64_t n = 60;
  const Eigenvalues found =
      largest_eigenvalues(second_difference, n, {.count = n, .iterations = n, .tolerance = 0}, RandomKey(1));
  ASSERT_EQ(found.values.size(), static_cast<size_t>(n));
  EXPECT_EQ(found.iterations, n);
  for (int64_t i = 0; i < n; ++i)
    EXPECT_NEAR(found.values[static_cast<size_t>(i)], difference_eigenvalue(n, n - i), 1e-12) << i;
}

// Long before the values are right: the bound is a theorem, and here it is neither broken nor idle.
TEST(Lanczos, AnEigenvalueLiesWithinEachResidual) {
  constexpr int64_t n = 300;
  for (const int64_t iterations : {5, 10, 20, 40}) {
    const Eigenvalues found =
        largest_eigenvalues(second_difference, n, {.count = 3, .iterations = iterations, .tolerance = 0}, RandomKey(1));
    ASSERT_EQ(found.values.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      double nearest = INFINITY;
      for (int64_t k = 1; k <= n; ++k)
        nearest = std::min(nearest, std::abs(found.values[i] - difference_eigenvalue(n, k)));
      EXPECT_LE(nearest, found.residuals[i]) << iterations << " " << i;
      EXPECT_LT(found.residuals[i], 1.0) << iterations << " " << i;
    }
  }
}

// After one product with diag(a, b) the value t is q' A q, and |A q - t q|^2 = (a - t) (t - b).
TEST(Lanczos, TellsTheResidual) {
  const Eigenvalues found = largest_eigenvalues(diagonal({7, 2}), 2, {.iterations = 1}, RandomKey(3));
  const double t = found.values[0];
  EXPECT_GT(found.residuals[0], 0.1);
  EXPECT_NEAR(found.residuals[0], std::sqrt((7 - t) * (t - 2)), 1e-14);
}

TEST(Lanczos, StopsAtTheTolerance) {
  Vector entries(1000);
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = static_cast<double>(i) / 1000;
  entries[500] = 7;
  const Eigenvalues found = largest_eigenvalues(diagonal(entries), 1000, {.iterations = 100}, RandomKey(1));
  EXPECT_LT(found.iterations, 10);
  EXPECT_LE(found.residuals[0], 7e-3);
  EXPECT_NEAR(found.values[0], 7, 7e-3 * 7e-3 / 6);  // the residual's square over the gap to the next, 1
}

// The largest, not the largest by size; and as often as they stand there, though one Krylov space holds each once.
TEST(Lanczos, FindsNegativeAndMultipleEigenvalues) {
  const auto all = [](const Vector& entries) {
    const auto n = static_cast<int64_t>(entries.size());
    return largest_eigenvalues(diagonal(entries), n, {.count = n, .iterations = n}, RandomKey(1)).values;
  };
  const auto expect = [](const Vector& found, const Vector& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-13);
  };
  expect(all({5, -9, 1, 5}), {5, 5, 1, -9});
  expect(all({2, 2, 2}), {2, 2, 2});
  expect(all({0, 0}), {0, 0});
  expect(all({-3}), {-3});
}

TEST(Lanczos, RefusesAMapThatIsNotFinite) {
  const auto find = [] { largest_eigenvalues(diagonal({NAN, 1}), 2, {}, RandomKey(1)); };
  EXPECT_EQ(error_text(find), "lanczos: the product with vector 1 is not finite");
}

TEST(Trace, IsExactForADiagonal) {
  const Trace trace = estimated_trace(diagonal({3, -1, 0.5}), 3, 4, RandomKey(1));
  EXPECT_EQ(trace.value, 2.5);
  EXPECT_EQ(trace.standard_error, 0);
}

// A sample's variance is 2 sum over i != j of a_ij^2 = 4 (n - 1) for the second difference (Hutchinson 1990). Over 400
// estimates: the mean of the squared errors that are told has a relative deviation of about
// sqrt(2 / 15 / 400) = 2 %, and 95 % of estimates, give or take 1.1 %, lie within t = 2.13 errors (Student, 15
// degrees).
TEST(Trace, LiesWithinItsStandardError) {
  constexpr int64_t n = 50, samples = 16;
  constexpr int estimates = 400;
  double variance = 0;
  int within = 0;
  for (int i = 0; i < estimates; ++i) {
    const Trace trace = estimated_trace(second_difference, n, samples, RandomKey(5) / i);
    variance += trace.standard_error * trace.standard_error / estimates;
    within += std::abs(trace.value - 2.0 * n) < 2.13 * trace.standard_error;
  }
  EXPECT_NEAR(variance / (4.0 * (n - 1) / samples), 1, 0.08);
  EXPECT_NEAR(within / static_cast<double>(estimates), 0.95, 0.045);
}

}  // namespace
}  // namespace transformlet
