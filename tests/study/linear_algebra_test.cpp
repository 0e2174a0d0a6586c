// Singular values and eigenvalues, against matrices whose spectra are known.
#include "study/linear_algebra.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "tests/tensors.h"

namespace transformlet {
namespace {

// A A^T of ((3, 0), (4, 5)) has the trace 50 and the determinant 225: its eigenvalues are 45 and 5.
TEST(SingularValues, AreThoseOfSmallMatrices) {
  const Tensor square = tensor({3, 0, 4, 5}, {2, 2}, DType::float64);
  const Tensor wide = tensor({0, 0, -7, 0, 2, 0}, {2, 3}, DType::float32);
  const auto values = singular_values({square, wide, zeros({4, 3}, DType::float64), zeros({0, 3}, DType::float64)});
  ASSERT_EQ(values.size(), 4u);
  ASSERT_EQ(values[0].size(), 2u);
  EXPECT_NEAR(values[0][0], std::sqrt(45), 1e-14);  // a few roundings of numbers below 8
  EXPECT_NEAR(values[0][1], std::sqrt(5), 1e-14);
  EXPECT_EQ(values[1], (std::vector<double>{7, 2}));
  EXPECT_EQ(values[2], (std::vector<double>{0, 0, 0}));
  EXPECT_TRUE(values[3].empty());
}

// The matrix min(i, j) of size n, counted from 1, has the eigenvalues 1 / (4 sin^2((2k - 1) pi / (4n + 2))), which are
// its singular values too (its inverse is the second difference; Fort and Bass 1994).
TEST(SingularValues, AreThoseOfTheMatrixOfMinima) {
  constexpr int64_t size = 60;
  std::vector<double> entries;
  for (int64_t i = 1; i <= size; ++i) {
    for (int64_t j = 1; j <= size; ++j) entries.push_back(static_cast<double>(std::min(i, j)));
  }
  const std::vector<double> values = singular_values({tensor(entries, {size, size}, DType::float64)})[0];
  for (int64_t k = 1; k <= size; ++k) {
    const double sine = std::sin(static_cast<double>(2 * k - 1) * M_PI / (4 * size + 2));
    // LAPACK's errors are some rounding units of the largest value, about 1480.
    EXPECT_NEAR(values[static_cast<size_t>(k - 1)], 1 / (4 * sine * sine), 1e-12 * values[0]) << k;
  }
}

// Those of the companion matrix of (x - 1)(x - 2)(x^2 + 1) = x^4 - 3x^3 + 3x^2 - 3x + 2 are its roots.
TEST(Eigenvalues, AreTheRootsOfThePolynomial) {
  const Tensor companion = tensor({3, -3, 3, -2,  //
                                   1, 0, 0, 0,    //
                                   0, 1, 0, 0,    //
                                   0, 0, 1, 0},
                                  {4, 4}, DType::float64);
  std::vector<std::complex<double>> values = eigenvalues({companion})[0];
  std::ranges::sort(values, {}, [](const auto& z) { return z.real() + 0.1 * z.imag(); });
  const std::vector<std::complex<double>> roots = {{0, -1}, {0, 1}, {1, 0}, {2, 0}};
  ASSERT_EQ(values.size(), roots.size());
  for (size_t i = 0; i < roots.size(); ++i) EXPECT_LT(std::abs(values[i] - roots[i]), 1e-13) << i;  // well conditioned
}

TEST(Spectra, OfWhatIsNotFiniteAreNoNumbers) {
  const Tensor broken = tensor({1, NAN, 2, 3}, {2, 2}, DType::float64);
  const auto values = singular_values({broken});
  const auto roots = eigenvalues({broken});
  for (const size_t i : {0, 1}) {
    EXPECT_TRUE(std::isnan(values.at(0).at(i)));
    EXPECT_TRUE(std::isnan(roots.at(0).at(i).real()));
  }
}

TEST(Spectra, SayWhatDoesNotFit) {
  EXPECT_EQ(error_text([] {
              singular_values({zeros({2, 3, 4}, DType::float64)});
            }),
            "singular_values: a matrix is needed, not (2, 3, 4)");
  EXPECT_EQ(error_text([] {
              eigenvalues({zeros({2, 3}, DType::float64)});
            }),
            "eigenvalues: a square matrix is needed, not (2, 3)");
}

// Matrices that are large enough for OpenBLAS to share out among threads.
TEST(Spectra, HaveTheSameBitsWithAnyNumberOfThreads) {
  const TensorList matrices = {random_tensor("wide", {200, 300}), random_tensor("square", {250, 250})};
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto values = singular_values(matrices);
  const auto roots = eigenvalues({matrices[1]});
  omp_set_num_threads(2);
  EXPECT_EQ(singular_values(matrices), values);
  EXPECT_EQ(eigenvalues({matrices[1]}), roots);
  omp_set_num_threads(before);
}

}  // namespace
}  // namespace transformlet
