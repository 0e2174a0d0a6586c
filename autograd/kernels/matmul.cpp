#include "autograd/kernels/matmul.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "autograd/kernels/parallel.h"
#include "base/error.h"

// Only OpenBLAS has these; another CBLAS leaves them null.
extern "C" {
int openblas_get_parallel() __attribute__((weak));
char* openblas_get_config() __attribute__((weak));
}

namespace transformlet::kernels {
namespace {

// Up to this many multiplications OpenBLAS stays in one thread by itself (its interface/gemm.c: SMP_THRESHOLD_MIN *
// GEMM_MULTITHREAD_THRESHOLD). Larger products are called inside a parallel region, where it does so too.
constexpr int64_t serial_multiplications = 262144;

void call(const Product<float>& p) {
  cblas_sgemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(p.m), static_cast<int>(p.n), static_cast<int>(p.k), p.alpha, p.a,
              static_cast<int>(p.lda), p.b, static_cast<int>(p.ldb), p.beta, p.c, static_cast<int>(p.ldc));
}

void call(const Product<double>& p) {
  cblas_dgemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(p.m), static_cast<int>(p.n), static_cast<int>(p.k), p.alpha, p.a,
              static_cast<int>(p.lda), p.b, static_cast<int>(p.ldb), p.beta, p.c, static_cast<int>(p.ldc));
}

// The part of a product that makes rows [row, row + m) and columns [column, column + n) of C.
template <class T>
Product<T> part(const Product<T>& whole, int64_t row, int64_t m, int64_t column, int64_t n) {
  Product<T> p = whole;
  p.m = m;
  p.n = n;
  p.a += whole.transpose_a ? row : row * whole.lda;
  p.b += whole.transpose_b ? column * whole.ldb : column;
  p.c += row * whole.ldc + column;
  if (p.row_bias != nullptr) p.row_bias += column;
  return p;
}

// How many parts C is cut into along each side: about one for every four million multiplications, at least two, at most
// sixteen, none narrower than 32.
void choose_grid(int64_t m, int64_t n, int64_t k, int64_t& row_parts, int64_t& column_parts) {
  row_parts = column_parts = 1;
  const int64_t wanted = std::clamp<int64_t>(m * n * k / 4000000, 2, 16);
  while (row_parts * column_parts < wanted) {
    const int64_t height = m / row_parts, width = n / column_parts;
    if (std::max(height, width) < 64) return;
    ++(height >= width ? row_parts : column_parts);
  }
}

// Rounded up so that parts start at whole register tiles.
int64_t part_size(int64_t size, int64_t parts) { return ((size + parts - 1) / parts + 15) / 16 * 16; }

// C = beta * C, or the bias in every row.
template <class T>
void begin(const Product<T>& p) {
  for (int64_t row = 0; row < p.m; ++row) {
    for (int64_t column = 0; column < p.n; ++column) {
      T& c = p.c[row * p.ldc + column];
      c = p.row_bias != nullptr ? p.row_bias[column] : p.beta == T(0) ? T(0) : p.beta * c;
    }
  }
}

}  // namespace

template <class T>
void matmul_serial(const Product<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (p.k == 0) return begin(p);
  require(std::max({p.m, p.n, p.k, p.lda, p.ldb, p.ldc}) <= INT32_MAX,
          "matmul: a product of {} x {} x {} is too large for BLAS's 32-bit sizes", p.m, p.n, p.k);
  Product<T> rest = p;
  if (p.row_bias != nullptr) {
    begin(p);
    rest.beta = 1;
  }
  if (p.m * p.n * p.k <= serial_multiplications || omp_in_parallel()) return call(rest);
#pragma omp parallel
#pragma omp master
  call(rest);
}

template <class T>
void matmul(const Product<T>& p) {
  if (p.m == 0 || p.n == 0 || p.m * p.n * p.k <= serial_multiplications) return matmul_serial(p);
  int64_t row_parts, column_parts;
  choose_grid(p.m, p.n, p.k, row_parts, column_parts);
  const int64_t height = part_size(p.m, row_parts), width = part_size(p.n, column_parts);
  row_parts = (p.m + height - 1) / height;
  column_parts = (p.n + width - 1) / width;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < row_parts * column_parts; ++i) {
    const int64_t row = i / column_parts * height, column = i % column_parts * width;
    matmul_serial(part(p, row, std::min(height, p.m - row), column, std::min(width, p.n - column)));
  }
}

template <class T>
void matmul_batch(const Product<T>& product, int64_t count, const T* const* a, const T* const* b, T* const* c) {
  const auto at = [&](int64_t i) {
    Product<T> p = product;
    p.a = a[i];
    p.b = b[i];
    p.c = c[i];
    return p;
  };
  if (count == 1) return matmul(at(0));
  // A batch of any size makes a region of more than one piece, unless all of it is small.
  const int64_t one = product.m * product.n * product.k;
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) matmul_serial(at(i));
  };
  if (one * count <= serial_multiplications) return run(0, count);
  for_ranges(count, std::max<int64_t>(1, std::min(count / 2, serial_multiplications / std::max<int64_t>(one, 1))), run);
}

const char* blas_description() {
  if (openblas_get_parallel == nullptr || openblas_get_config == nullptr) return "a CBLAS other than OpenBLAS";
  require(
      openblas_get_parallel() == 2 || openblas_get_parallel() == 0,
      "the OpenBLAS that was loaded ({}) has threads of its own, which fight with OpenMP's: install the OpenMP build "
      "(Debian: libopenblas0-openmp)",
      openblas_get_config());
  return openblas_get_config();
}

template void matmul(const Product<float>&);
template void matmul(const Product<double>&);
template void matmul_serial(const Product<float>&);
template void matmul_serial(const Product<double>&);
template void matmul_batch(const Product<float>&, int64_t, const float* const*, const float* const*, float* const*);
template void matmul_batch(const Product<double>&, int64_t, const double* const*, const double* const*, double* const*);

}  // namespace transformlet::kernels
