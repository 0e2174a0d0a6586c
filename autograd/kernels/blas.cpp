#include "autograd/kernels/blas.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "base/error.h"

// Only OpenBLAS has these; another CBLAS leaves them null.
extern "C" {
int openblas_get_parallel() __attribute__((weak));
char* openblas_get_config() __attribute__((weak));
char* openblas_get_corename() __attribute__((weak));
}

namespace transformlet::kernels {
namespace {

// Measured with OpenBLAS 0.3.21, one thread, AVX-512, float32: 2 to 10 percent ahead of our kernels from here on, level
// with them or behind below; in float64 behind at every size.
constexpr int64_t fewest_multiplications = 32000000;

bool is_any_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Does it use vectors as wide as our kernels do?
bool is_as_wide() {
#if defined(__x86_64__)
  static const std::string core = blas_core();
  if (core.empty()) return true;
  if (is_any_of(core, {"SkylakeX", "Cooperlake", "SapphireRapids"})) return true;
  return level() == Level::baseline || (level() == Level::avx2 && is_any_of(core, {"Haswell", "Zen"}));
#else
  return true;
#endif
}

#if defined(__x86_64__)
template <class T>
constexpr bool may_be_faster = std::is_same_v<T, float>;
#else
template <class T>
constexpr bool may_be_faster = true;
#endif

CBLAS_TRANSPOSE turned(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }

void call(const Product<float>& p) {
  cblas_sgemm(CblasRowMajor, turned(p.transpose_a), turned(p.transpose_b), static_cast<int>(p.m), static_cast<int>(p.n),
              static_cast<int>(p.k), p.alpha, p.a, static_cast<int>(p.lda), p.b, static_cast<int>(p.ldb), p.beta, p.c,
              static_cast<int>(p.ldc));
}

void call(const Product<double>& p) {
  cblas_dgemm(CblasRowMajor, turned(p.transpose_a), turned(p.transpose_b), static_cast<int>(p.m), static_cast<int>(p.n),
              static_cast<int>(p.k), p.alpha, p.a, static_cast<int>(p.lda), p.b, static_cast<int>(p.ldb), p.beta, p.c,
              static_cast<int>(p.ldc));
}

// The part of a product that makes rows [row, row + m) and columns [column, column + n) of C.
template <class T>
void call_part(const Product<T>& whole, int64_t row, int64_t m, int64_t column, int64_t n) {
  Product<T> p = whole;
  p.m = m;
  p.n = n;
  p.a += whole.transpose_a ? row : row * whole.lda;
  p.b += whole.transpose_b ? column * whole.ldb : column;
  p.c += row * whole.ldc + column;
  if (whole.row_bias != nullptr) {
    for (int64_t i = 0; i < m; ++i) std::copy_n(whole.row_bias + column, n, p.c + i * p.ldc);
    p.beta = 1;
  }
  call(p);
}

// How many parts C is cut into along each side: about one for every four million multiplications, at most sixteen, none
// narrower than 32.
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

}  // namespace

template <class T>
bool blas_is_faster(const Product<T>& p) {
  // The bias takes the place of C, so there must be nothing to add it to.
  return may_be_faster<T> && p.m * p.n * p.k >= fewest_multiplications && std::min({p.m, p.n, p.k}) >= 64 &&
         std::max({p.m, p.n, p.k, p.lda, p.ldb, p.ldc}) <= INT32_MAX && (p.row_bias == nullptr || p.beta == T(0)) &&
         is_as_wide();
}

template <class T>
void blas_product(const Product<T>& p) {
  int64_t row_parts, column_parts;
  choose_grid(p.m, p.n, p.k, row_parts, column_parts);
  const int64_t height = part_size(p.m, row_parts), width = part_size(p.n, column_parts);
  row_parts = (p.m + height - 1) / height;
  column_parts = (p.n + width - 1) / width;
  // Inside a parallel region OpenBLAS stays in one thread.
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < row_parts * column_parts; ++i) {
    const int64_t row = i / column_parts * height, column = i % column_parts * width;
    call_part(p, row, std::min(height, p.m - row), column, std::min(width, p.n - column));
  }
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

std::string blas_core() { return openblas_get_corename == nullptr ? "" : openblas_get_corename(); }

template bool blas_is_faster(const Product<float>&);
template bool blas_is_faster(const Product<double>&);
template void blas_product(const Product<float>&);
template void blas_product(const Product<double>&);

}  // namespace transformlet::kernels
