#include "study/principal_components.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops.h"

// As in study/linear_algebra.cpp: Fortran routines of OpenBLAS. NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void dsyevr_(const char* job, const char* range, const char* triangle, const int* n, double* a, const int* lda,
             const double* vl, const double* vu, const int* il, const int* iu, const double* abstol, int* found,
             double* w, double* z, const int* ldz, int* isuppz, double* work, const int* lwork, int* iwork,
             const int* liwork, int* info, size_t job_length, size_t range_length, size_t triangle_length);
}
// NOLINTEND(readability-identifier-naming)

namespace transformlet {
namespace {

struct Leading {
  double values[2];             // the largest first
  std::vector<double> vectors;  // (2, n)
};

// The two largest eigenvalues of a symmetric matrix (n, n).
Leading leading_eigenvectors(std::vector<double> matrix, int n) {
  const int first = n - 1, ask = -1;
  const double none = 0;
  int found = 0, info = 0, length = 0, integer_length = 0;
  std::vector<double> values(static_cast<size_t>(n)), vectors(2 * static_cast<size_t>(n));
  std::vector<int> support(4);
  const auto call = [&](double* work, const int* work_length, int* integers, const int* integers_length) {
    dsyevr_("V", "I", "U", &n, matrix.data(), &n, &none, &none, &first, &n, &none, &found, values.data(),
            vectors.data(), &n, support.data(), work, work_length, integers, integers_length, &info, 1, 1, 1);
  };
  double size = 0;
  call(&size, &ask, &integer_length, &ask);
  length = static_cast<int>(size);
  std::vector<double> work(static_cast<size_t>(length));
  std::vector<int> integers(static_cast<size_t>(integer_length));
  call(work.data(), &length, integers.data(), &integer_length);
  require(info == 0 && found == 2, "principal_components: LAPACK finds no eigenvectors (info {})", info);
  std::rotate(vectors.begin(), vectors.begin() + n, vectors.end());  // they come ascending
  return {{values[1], values[0]}, std::move(vectors)};
}

}  // namespace

PrincipalComponents principal_components(const Tensor& matrix) {
  require(matrix.rank() == 2 && matrix.dim(0) >= 2 && matrix.dim(1) >= 2,
          "principal_components: a matrix of at least 2 rows and columns is needed, not {}", matrix);
  const NoRecording off;
  const Tensor x = cast(matrix, DType::float64);
  const Tensor centred = x - mean(x, {0}, true);
  const int64_t rows = x.dim(0), columns = x.dim(1);
  const bool by_rows = rows < columns;
  // X X^T and X^T X have the same eigenvalues; an eigenvector u of the former gives the coordinates sqrt(value) u.
  const Tensor product = by_rows ? matmul(centred, centred, false, true) : matmul(centred, centred, true, false);
  const int64_t size = product.dim(0);
  const std::vector<double> numbers = product.to_vector();
  double trace = 0;
  for (int64_t i = 0; i < size; ++i) trace += numbers[static_cast<size_t>(i * size + i)];
  require(std::isfinite(trace), "principal_components: {} has numbers that are not finite", matrix);
  const Leading leading = leading_eigenvectors(numbers, static_cast<int>(size));

  PrincipalComponents result{std::vector<double>(static_cast<size_t>(2 * rows)), {}};
  for (int64_t k = 0; k < 2; ++k) {
    const double value = std::max(0.0, leading.values[k]);
    result.explained.push_back(trace == 0 ? 0 : value / trace);
    const double* const vector = leading.vectors.data() + k * size;
    double greatest = 0;
    for (int64_t row = 0; row < rows; ++row) {
      double coordinate = 0;
      if (by_rows) {
        coordinate = std::sqrt(value) * vector[row];
      } else {
        for (int64_t i = 0; i < columns; ++i) coordinate += centred.data<double>()[row * columns + i] * vector[i];
      }
      result.coordinates[static_cast<size_t>(2 * row + k)] = coordinate;
      if (std::abs(coordinate) > std::abs(greatest)) greatest = coordinate;
    }
    for (int64_t row = 0; row < rows && greatest < 0; ++row) result.coordinates[static_cast<size_t>(2 * row + k)] *= -1;
  }
  return result;
}

}  // namespace transformlet
