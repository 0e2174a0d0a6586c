// Newton-Schulz iteration against what it does to each singular value, which is exact theory.
#include "optim/newton_schulz.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "base/random.h"

namespace transformlet {
namespace {

Tensor random_matrix(const Shape& shape, DType dtype) {
  RandomStream stream(RandomKey(11));
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (double& value : values) value = stream.normal();
  return tensor(values, shape, dtype);
}

double after_five_steps(double s) {
  for (int i = 0; i < 5; ++i) s = 3.4445 * s - 4.7750 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
  return s;
}

// A reflection, I - 2 v v' / v'v: orthogonal, and dense.
Tensor reflection(int64_t n) {
  std::vector<double> values(static_cast<size_t>(n * n));
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>((i + 1) * (i + 1));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      values[static_cast<size_t>(i * n + j)] =
          (i == j ? 1.0 : 0.0) - 2.0 * static_cast<double>((i + 1) * (j + 1)) / squares;
    }
  }
  return tensor(values, {n, n}, DType::float64);
}

// U diag(s) V', of any shape: its singular values change by the polynomial, its singular vectors stay.
TEST(NewtonSchulz, ChangesSingularValuesAlone) {
  const std::vector<double> s = {5.0, 1.0, 0.3, 0.02};
  const auto diagonal = [&](int64_t rows, int64_t columns, const auto& function) {
    std::vector<double> values(static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < s.size(); ++i) values[i * static_cast<size_t>(columns) + i] = function(s[i]);
    return tensor(values, {rows, columns}, DType::float64);
  };
  double squares = 1e-7;
  for (const double value : s) squares += value * value;
  const double norm = std::sqrt(squares - 1e-7) + 1e-7;
  for (const auto& [rows, columns] : {std::pair(4, 4), std::pair(4, 9), std::pair(9, 4)}) {
    const Tensor u = reflection(rows), v = reflection(columns);
    const Tensor matrix = matmul(matmul(u, diagonal(rows, columns, [](double value) { return value; })), v);
    const Tensor expected =
        matmul(matmul(u, diagonal(rows, columns, [&](double value) { return after_five_steps(value / norm); })), v);
    const std::vector<double> is = newton_schulz(matrix).to_vector(), should = expected.to_vector();
    // Rounding of 1e-16 grows by at most 3.4445^5 = 485.
    for (size_t i = 0; i < is.size(); ++i) EXPECT_NEAR(is[i], should[i], 1e-12) << rows << " x " << columns;
  }
}

// What it is for: where the smallest is at least a hundredth of the norm, all come near 1.
TEST(NewtonSchulz, BringsSingularValuesNearOne) {
  for (double s = 0.01; s <= 1.0; s += 0.001) {
    const double value = newton_schulz(tensor({s, 0, 0, std::sqrt(1 - s * s)}, {2, 2}, DType::float64)).to_vector()[0];
    EXPECT_GT(value, 0.65) << s;
    EXPECT_LT(value, 1.25) << s;
  }
}

TEST(NewtonSchulz, TheScaleDoesNotMatter) {
  const Tensor matrix = random_matrix({5, 8}, DType::float64);
  const std::vector<double> a = newton_schulz(matrix).to_vector(), b = newton_schulz(matrix * 1e4).to_vector();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);  // 1e-7 is added to the norm
}

TEST(NewtonSchulz, TransposedAfterIsTransposedBefore) {
  const Tensor matrix = random_matrix({5, 8}, DType::float64);
  const std::vector<double> a = transpose(newton_schulz(matrix), 0, 1).to_vector();
  const std::vector<double> b = newton_schulz(transpose(matrix, 0, 1)).to_vector();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
}

TEST(NewtonSchulz, OneThreadGivesTheBitsOfTwo) {
  const int before = omp_get_max_threads();
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const Shape& shape : {Shape{300, 100}, Shape{65, 192}}) {
      std::vector<std::vector<double>> results;
      for (const int threads : {1, 2, 3}) {
        omp_set_num_threads(threads);
        results.push_back(newton_schulz(random_matrix(shape, dtype)).to_vector());
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
    }
  }
  omp_set_num_threads(before);
}

TEST(NewtonSchulz, ZerosStayAndNanShows) {
  EXPECT_EQ(newton_schulz(zeros({2, 3}, DType::float32)).to_vector(), std::vector<double>(6, 0.0));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : newton_schulz(tensor({1, nan, 3, 4}, {2, 2}, DType::float32)).to_vector()) {
    EXPECT_TRUE(std::isnan(value));
  }
  try {
    newton_schulz(zeros({3}, DType::float32));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "newton_schulz: (3) is no matrix");
  }
}

}  // namespace
}  // namespace transformlet
