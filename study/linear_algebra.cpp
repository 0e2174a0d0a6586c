#include "study/linear_algebra.h"

#include <algorithm>
#include <cmath>
#include <limits>

// OpenBLAS has LAPACK in it, but Debian's package no header that says so: these are the Fortran routines, with the
// lengths of their texts at the end, as gfortran passes them. NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void dgesdd_(const char* job, const int* m, const int* n, double* a, const int* lda, double* s, double* u,
             const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork, int* iwork, int* info,
             size_t job_length);
void dgeev_(const char* job_left, const char* job_right, const int* n, double* a, const int* lda, double* wr,
            double* wi, double* vl, const int* ldvl, double* vr, const int* ldvr, double* work, const int* lwork,
            int* info, size_t job_left_length, size_t job_right_length);
void dstev_(const char* job, const int* n, double* d, double* e, double* z, const int* ldz, double* work, int* info,
            size_t job_length);
}
// NOLINTEND(readability-identifier-naming)

namespace transformlet {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

bool is_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double x) { return std::isfinite(x); });
}

// Fortran reads our rows as columns: of the transposed matrix the values are the same.
struct Work {
  explicit Work(const Tensor& matrix)
      : values(matrix.to_vector()), m(static_cast<int>(matrix.dim(1))), n(static_cast<int>(matrix.dim(0))) {}

  std::vector<double> values;
  int m, n, info = 0;
};

std::vector<double> singular_values_of(Work& work) {
  const int least = std::min(work.m, work.n), one = 1, ask = -1;
  std::vector<double> result(static_cast<size_t>(least), not_a_number);
  if (least == 0 || !is_finite(work.values)) return result;
  std::vector<int> integers(static_cast<size_t>(8 * least));
  double size = 0;
  const auto call = [&](double* room, const int* length) {
    dgesdd_("N", &work.m, &work.n, work.values.data(), &work.m, result.data(), nullptr, &one, nullptr, &one, room,
            length, integers.data(), &work.info, 1);
  };
  call(&size, &ask);
  const int length = static_cast<int>(size);
  std::vector<double> room(static_cast<size_t>(length));
  call(room.data(), &length);
  return result;
}

std::vector<std::complex<double>> eigenvalues_of(Work& work) {
  const int one = 1, ask = -1;
  const auto count = static_cast<size_t>(work.n);
  std::vector<double> real(count, not_a_number), imaginary(count, not_a_number);
  if (count > 0 && is_finite(work.values)) {
    double size = 0;
    const auto call = [&](double* room, const int* length) {
      dgeev_("N", "N", &work.n, work.values.data(), &work.n, real.data(), imaginary.data(), nullptr, &one, nullptr,
             &one, room, length, &work.info, 1, 1);
    };
    call(&size, &ask);
    const int length = static_cast<int>(size);
    std::vector<double> room(static_cast<size_t>(length));
    call(room.data(), &length);
  }
  std::vector<std::complex<double>> result;
  for (size_t i = 0; i < count; ++i) result.emplace_back(real[i], imaginary[i]);
  return result;
}

// What a LAPACK routine finds of each matrix. In a parallel region OpenBLAS stays in one thread.
template <class Result>
std::vector<Result> of_each(const char* name, const TensorList& matrices, Result (*find)(Work&)) {
  std::vector<Work> work;
  for (const Tensor& matrix : matrices) {
    require(matrix.rank() == 2, "{}: a matrix is needed, not {}", name, matrix);
    work.emplace_back(matrix);
  }
  std::vector<Result> results(work.size());
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < work.size(); ++i) results[i] = find(work[i]);
  for (size_t i = 0; i < work.size(); ++i) {
    require(work[i].info == 0, "{}: of {} LAPACK finds none (info {})", name, matrices[i], work[i].info);
  }
  return results;
}

}  // namespace

std::vector<std::vector<double>> singular_values(const TensorList& matrices) {
  return of_each("singular_values", matrices, singular_values_of);
}

double effective_rank(const std::vector<double>& singular_values) {
  double sum = 0, entropy = 0;
  for (const double value : singular_values) sum += value;
  for (const double value : singular_values) {
    if (value > 0) entropy -= value / sum * std::log(value / sum);
  }
  return sum > 0 ? std::exp(entropy) : NAN;
}

std::vector<std::vector<std::complex<double>>> eigenvalues(const TensorList& matrices) {
  for (const Tensor& matrix : matrices) {
    require(matrix.rank() == 2 && matrix.dim(0) == matrix.dim(1), "eigenvalues: a square matrix is needed, not {}",
            matrix);
  }
  return of_each("eigenvalues", matrices, eigenvalues_of);
}

Eigenvectors tridiagonal_eigenvectors(std::vector<double> diagonal, std::vector<double> side) {
  const size_t size = diagonal.size();
  const int n = static_cast<int>(size);
  Eigenvectors result{std::move(diagonal), std::vector<double>(size * size)};
  std::vector<double> work(2 * size);
  side.resize(size);  // LAPACK wants room for one more
  int info = 0;
  dstev_("V", &n, result.values.data(), side.data(), result.vectors.data(), &n, work.data(), &info, 1);
  require(info == 0, "tridiagonal_eigenvectors: those of a matrix of {} rows do not converge", n);
  return result;
}

}  // namespace transformlet
