#include "autograd/kernels/matmul.h"

#include <omp.h>

#include <algorithm>
#include <bit>

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

// A product A^T B over many rows (the gradient of a weight) is cut over k too: every thread then reads the rows that it
// has in its cache, because it made them, instead of half of what the other threads made. Into how many parts depends
// on the sizes alone: a power of two, such that the parts' sums, which are written and read once more, stay small
// beside the operands.
template <class T>
int64_t depth_parts(const Product<T>& p) {
  if (!p.transpose_a) return 1;
  const int64_t most = std::min({int64_t{16}, p.k / 256, (p.m + p.n) * p.k / (2 * p.m * p.n)});
  return most < 2 ? 1 : static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(most)));
}

template <class T>
Product<T> depth_part(const Product<T>& whole, int64_t part, int64_t parts, T* sum) {
  const int64_t depth = ceiling(whole.k, parts), k = std::min(whole.k, part * depth);
  Product<T> p = whole;
  p.k = std::min(whole.k, k + depth) - k;
  p.a += k * whole.lda;
  p.b += whole.transpose_b ? k : k * whole.ldb;
  p.c = sum;
  p.ldc = whole.n;
  p.beta = 0;
  p.row_bias = nullptr;
  return p;
}

// C = beta * C + bias + the sums (parts, m, n), for some of its rows.
template <class T>
void add_parts(const Product<T>& p, int64_t first_row, int64_t last_row, int64_t parts, const T* sums) {
  for (int64_t row = first_row; row < last_row; ++row) {
    T* const c = p.c + row * p.ldc;
    for (int64_t part = 0; part < parts; ++part) {
      const T* const from = sums + (part * p.m + row) * p.n;
      if (part == 0 && p.beta == T(0)) {
        std::copy_n(from, p.n, c);
        continue;
      }
      const T beta = part == 0 ? p.beta : T(1);
#pragma omp simd
      for (int64_t j = 0; j < p.n; ++j) c[j] = beta * c[j] + from[j];
    }
    if (p.row_bias == nullptr) continue;
#pragma omp simd
    for (int64_t j = 0; j < p.n; ++j) c[j] += p.row_bias[j];
  }
}

template <class T>
void product(const Product<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (blas_is_faster(p)) return blas_product(p);
  const int64_t parts = depth_parts(p);
  const bool serial = p.m * p.n * p.k <= serial_multiplications || omp_in_parallel();
  const int64_t threads = serial ? 1 : omp_get_max_threads();
  if (threads == 1 && parts == 1) {
    Scratch<T> scratch(gemm_scratch<T>(p.m, p.n, p.k));
    return gemm(p, scratch.data());
  }
  const Grid grid = choose_grid(p.m, p.n, ceiling(threads, parts), gemm_tile_rows, gemm_tile_columns<T>());
  const int64_t room = gemm_scratch<T>(grid.height, grid.width, p.k);
  Scratch<T> scratch(room * threads + (parts == 1 ? 0 : parts * p.m * p.n));
  T* const rooms = scratch.data();
  T* const sums = rooms + room * threads;
  // Dealt out in order: rows of C are then in the cache of the thread that works on these rows in the ops around.
#pragma omp parallel num_threads(static_cast <int>(threads)) if (threads > 1)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < parts * grid.parts(); ++i) {
      const int64_t part = i / grid.parts(), row = i % grid.parts() / grid.column_parts * grid.height,
                    column = i % grid.column_parts * grid.width;
      const Product<T> of_depth = parts == 1 ? p : depth_part(p, part, parts, sums + part * p.m * p.n);
      gemm(part_of(of_depth, row, std::min(grid.height, p.m - row), column, std::min(grid.width, p.n - column)),
           rooms + omp_get_thread_num() * room);
    }
    if (parts > 1) {
#pragma omp for schedule(static)
      for (int64_t row = 0; row < p.m; ++row) add_parts(p, row, row + 1, parts, sums);
    }
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
  // Taken before the threads start: else it would depend on their timing how much memory is in use at a time.
  const int64_t room = gemm_scratch<T>(p.m, p.n, p.k), threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  Scratch<T> scratch(room * threads);
  T* const rooms = scratch.data();
  for_ranges(count, grain, [&](int64_t begin, int64_t end) {
    T* const own = rooms + (threads == 1 ? 0 : omp_get_thread_num()) * room;
    for (int64_t i = begin; i < end; ++i) gemm(at(i), own);
  });
}

}  // namespace

template <>
const MatmulKernels<float> Levels<MatmulKernels<float>>::TRANSFORMLET_LEVEL = {product<float>, batch<float>};
template <>
const MatmulKernels<double> Levels<MatmulKernels<double>>::TRANSFORMLET_LEVEL = {product<double>, batch<double>};

}  // namespace transformlet::kernels
