#include "autograd/kernels/matmul.h"

#include <omp.h>

#include <algorithm>

#include "autograd/kernels/blas.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/scratch.h"

namespace transformlet::kernels {
namespace {

// Up to this many multiplications (a few microseconds) a product stays in one thread.
constexpr int64_t serial_multiplications = 524288;

int64_t ceiling(int64_t size, int64_t part) { return (size + part - 1) / part; }

// How C is cut: into `row_parts` times `column_parts`.
struct Grid {
  int64_t height, width;  // of a part
  int64_t row_parts, column_parts;
  int64_t parts() const { return row_parts * column_parts; }
};

// About `wanted` parts, in whole tiles. Each part packs its own rows of A and columns of B, so of all grids the one
// whose parts have the shortest sides is taken.
Grid choose_grid(int64_t m, int64_t n, int64_t wanted, int64_t row_unit, int64_t column_unit) {
  Grid best{m, n, 1, 1};
  int64_t best_cost = -1;
  for (int64_t rows = 1; rows <= wanted; ++rows) {
    Grid grid;
    grid.height = ceiling(ceiling(m, row_unit), rows) * row_unit;
    grid.width = ceiling(ceiling(n, column_unit), wanted / rows) * column_unit;
    grid.row_parts = ceiling(m, grid.height);
    grid.column_parts = ceiling(n, grid.width);
    // Idle threads cost more than packing: first the size of the largest part counts, in units, then its sides.
    const int64_t work = ceiling(grid.parts(), wanted) * grid.height * grid.width;
    const int64_t cost = work * 16 + (grid.height + grid.width) * 64;
    if (best_cost < 0 || cost < best_cost) {
      best = grid;
      best_cost = cost;
    }
  }
  return best;
}

// The part of a product that makes rows [row, row + m) and columns [column, column + n) of C.
template <class T>
Product<T> part_of(const Product<T>& whole, int64_t row, int64_t m, int64_t column, int64_t n) {
  Product<T> p = whole;
  p.m = m;
  p.n = n;
  p.a += whole.transpose_a ? row : row * whole.lda;
  p.b += whole.transpose_b ? column * whole.ldb : column;
  p.c += row * whole.ldc + column;
  if (p.row_bias != nullptr) p.row_bias += column;
  return p;
}

template <class T>
void product(const Product<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (blas_is_faster(p)) return blas_product(p);
  const int64_t threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  if (threads == 1 || p.m * p.n * p.k <= serial_multiplications) {
    Scratch<T> scratch(gemm_scratch<T>(p.m, p.n, p.k));
    return gemm(p, scratch.data());
  }
  // Long products are cut into more parts than there are threads: one that is held up by other work does fewer.
  const int64_t turns = std::clamp<int64_t>(p.m * p.n * p.k / threads / 16000000, 1, 4);
  const Grid grid = choose_grid(p.m, p.n, threads * turns, gemm_tile_rows, gemm_tile_columns<T>());
  const int64_t room = gemm_scratch<T>(grid.height, grid.width, p.k);
  Scratch<T> scratch(room * threads);
  T* const rooms = scratch.data();
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < grid.parts(); ++i) {
    const int64_t row = i / grid.column_parts * grid.height, column = i % grid.column_parts * grid.width;
    gemm(part_of(p, row, std::min(grid.height, p.m - row), column, std::min(grid.width, p.n - column)),
         rooms + omp_get_thread_num() * room);
  }
}

template <class T>
void batch(const Product<T>& p, int64_t count, const T* const* a, const T* const* b, T* const* c) {
  const auto at = [&](int64_t i) {
    Product<T> one = p;
    one.a = a[i];
    one.b = b[i];
    one.c = c[i];
    return one;
  };
  if (count == 1) return product(at(0));
  if (count == 0 || p.m == 0 || p.n == 0) return;
  const int64_t multiplications = std::max<int64_t>(1, p.m * p.n * p.k);
  const int64_t grain = multiplications * count <= serial_multiplications
                            ? count
                            : std::max<int64_t>(1, std::min(count / 2, serial_multiplications / 2 / multiplications));
  for_ranges(count, grain, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(gemm_scratch<T>(p.m, p.n, p.k));
    for (int64_t i = begin; i < end; ++i) gemm(at(i), scratch.data());
  });
}

}  // namespace

template <>
const MatmulKernels<float> Levels<MatmulKernels<float>>::TRANSFORMLET_LEVEL = {product<float>, batch<float>};
template <>
const MatmulKernels<double> Levels<MatmulKernels<double>>::TRANSFORMLET_LEVEL = {product<double>, batch<double>};

}  // namespace transformlet::kernels
