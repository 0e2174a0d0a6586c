// Tiles of C that stay in registers, fed from packed panels of B and strips of A (Goto and van de Geijn 2008, Anatomy
// of High-Performance Matrix Multiplication).
#include "autograd/kernels/gemm.h"

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/vector.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

namespace {

constexpr int tile_rows = vector_registers == 32 ? 12 : 6;  // with two vectors of columns, all registers but a few
constexpr int tile_vectors = 2;
template <class T>
constexpr int64_t tile_columns = tile_vectors* lanes<T>;

// Sizes of blocks, so that a strip of A stays in the first cache and a block of A and B in the second.
constexpr int64_t block_depth = 384, block_rows = 16 * tile_rows, block_columns = 512;

inline int64_t ceiling(int64_t size, int64_t part) { return (size + part - 1) / part; }

// Where a tile of C goes: c = alpha * sum + beta * c, or + bias.
template <class T>
struct Finish {
  T alpha, beta;
  const T* bias;  // of the tile's columns; null: none
};

// sum over p of a(i, p) * b(p, j), for `rows` rows and `vectors` vectors of columns. Either a_row == 1 (`across`) or
// a_depth == 1: then four pointers reach all rows without multiplications.
template <class T, int rows, int vectors, bool across>
inline void multiply_tile(int64_t depth, const T* a, int64_t a_row, int64_t a_depth, const T* b, int64_t b_depth,
                          Vector<T> (&sums)[rows][vectors]) {
  for (auto& row : sums) {
    for (auto& sum : row) sum = Vector<T>{};
  }
  constexpr int groups = (rows + 2) / 3;
  const T* group[groups];
  for (int g = 0; g < groups; ++g) group[g] = a + 3 * g * a_row;
  for (int64_t p = 0; p < depth; ++p) {
    Vector<T> columns[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) columns[v] = load(b + v * lanes<T>);
    b += b_depth;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Vector<T> x = broadcast(across ? a[i] : group[i / 3][i % 3 * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sums[i][v] += x * columns[v];
    }
    if constexpr (across) {
      a += a_depth;
    } else {
#pragma GCC unroll 8
      for (int g = 0; g < groups; ++g) ++group[g];
    }
  }
}

// One row of a tile to memory; `columns` may be fewer than the vectors hold.
template <class T, int vectors>
inline void finish_row(const Vector<T> (&sums)[vectors], T* c, int64_t columns, const Finish<T>& finish) {
  constexpr int64_t width = vectors * lanes<T>;
  T part[width] = {};
  T* const to = columns == width ? c : part;
  if (finish.beta != T(0) && columns != width) std::copy_n(c, columns, part);
  T bias_part[width] = {};
  const T* bias = finish.bias;
  if (bias != nullptr && columns != width) {
    std::copy_n(bias, columns, bias_part);
    bias = bias_part;
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    Vector<T> y = finish.alpha * sums[v];
    settle(y);
    if (finish.beta != T(0)) y += finish.beta * load(to + v * lanes<T>);
    if (bias != nullptr) y += load(bias + v * lanes<T>);
    store(y, to + v * lanes<T>);
  }
  if (columns != width) std::copy_n(part, columns, c);
}

template <class T, int rows, int vectors, bool across>
void tile(int64_t depth, const T* a, int64_t a_row, int64_t a_depth, const T* b, int64_t b_depth, T* c, int64_t ldc,
          int64_t columns, const Finish<T>& finish) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
    __builtin_prefetch(c + i * ldc, 1);
    if (vectors > 1) __builtin_prefetch(c + i * ldc + vectors * lanes<T> - 1, 1);
  }
  Vector<T> sums[rows][vectors];
  multiply_tile<T, rows, vectors, across>(depth, a, a_row, a_depth, b, b_depth, sums);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) finish_row<T, vectors>(sums[i], c + i * ldc, columns, finish);
}

template <class T>
using TileFunction = void (*)(int64_t, const T*, int64_t, int64_t, const T*, int64_t, T*, int64_t, int64_t,
                              const Finish<T>&);

template <class T, int vectors, bool across>
TileFunction<T> tile_of(int64_t rows) {
  static_assert(tile_rows == 6 || tile_rows == 12);
  switch (rows) {
    case 1:
      return tile<T, 1, vectors, across>;
    case 2:
      return tile<T, 2, vectors, across>;
    case 3:
      return tile<T, 3, vectors, across>;
    case 4:
      return tile<T, 4, vectors, across>;
    case 5:
      return tile<T, 5, vectors, across>;
    case 6:
      return tile<T, 6, vectors, across>;
  }
  if constexpr (tile_rows == 12) {
    switch (rows) {
      case 7:
        return tile<T, 7, vectors, across>;
      case 8:
        return tile<T, 8, vectors, across>;
      case 9:
        return tile<T, 9, vectors, across>;
      case 10:
        return tile<T, 10, vectors, across>;
      case 11:
        return tile<T, 11, vectors, across>;
      case 12:
        return tile<T, 12, vectors, across>;
    }
  }
  __builtin_unreachable();
}

template <class T>
TileFunction<T> choose_tile(int64_t rows, int64_t columns, bool across) {
  if (columns <= lanes<T>) return across ? tile_of<T, 1, true>(rows) : tile_of<T, 1, false>(rows);
  return across ? tile_of<T, 2, true>(rows) : tile_of<T, 2, false>(rows);
}

// A square of lanes x lanes numbers, turned: to[j][i] = from[i][j]. Rows in pairs swap halves of ever smaller size.
// Of fewer `rows` the rest count as zeros. Rows of `to` are written in order, so they may overlap.
template <class T>
inline void transpose_square(int64_t rows, const T* from, int64_t from_row, T* to, int64_t to_row) {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  constexpr int n = lanes<T>;
  Vector<T> x[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) x[i] = i < rows ? load(from + i * from_row) : Vector<T>{};
#pragma GCC unroll 4
  for (int half = n / 2; half >= 1; half /= 2) {
    Vector<Index> low, high;
    for (int i = 0; i < n; ++i) {
      const bool second = (i / half) % 2 == 1;
      low[i] = second ? n + i - half : i;
      high[i] = second ? n + i : i + half;
    }
#pragma GCC unroll 16
    for (int pair = 0; pair < n / 2; ++pair) {
      const int i = pair / half * 2 * half + pair % half;
      const Vector<T> first = x[i], second = x[i + half];
      x[i] = __builtin_shuffle(first, second, low);
      x[i + half] = __builtin_shuffle(first, second, high);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) store(x[i], to + i * to_row);
}

// to (depth, width): columns of B, and zeros beyond the last. b(p, j) lies at b[p * b_depth + j * b_column].
template <class T>
void pack_panel(int64_t depth, int64_t columns, int64_t width, const T* b, int64_t b_depth, int64_t b_column, T* to) {
  if (b_column == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      const T* const from = b + p * b_depth;
      int64_t j = 0;
      for (; j + lanes<T> <= columns; j += lanes<T>) store(load(from + j), to + p * width + j);
      for (; j < columns; ++j) to[p * width + j] = from[j];
      for (; j < width; ++j) to[p * width + j] = T(0);
    }
    return;
  }
  int64_t j = 0;
  for (; j + lanes<T> <= columns; j += lanes<T>) {
    int64_t p = 0;
    for (; p + lanes<T> <= depth; p += lanes<T>) {
      transpose_square<T>(lanes<T>, b + j * b_column + p, b_column, to + p * width + j, width);
    }
    for (; p < depth; ++p) {
      for (int64_t i = j; i < j + lanes<T>; ++i) to[p * width + i] = b[i * b_column + p];
    }
  }
  for (; j < width; ++j) {
    for (int64_t p = 0; p < depth; ++p) to[p * width + j] = j < columns ? b[j * b_column + p] : T(0);
  }
}

// to (depth, rows): a strip of A, turned so that the rows of one p lie side by side.
template <class T>
void pack_strip(int64_t depth, int64_t rows, const T* a, int64_t a_row, int64_t a_depth, T* to) {
  if (a_row == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t i = 0; i < rows; ++i) to[p * rows + i] = a[p * a_depth + i];
    }
    return;
  }
  int64_t p = 0;
  if (rows <= lanes<T>) {  // a row of the turned square runs over into the next, which comes after it
    for (; p + lanes<T> <= depth; p += lanes<T>) transpose_square<T>(rows, a + p, a_row, to + p * rows, rows);
  }
  for (; p < depth; ++p) {
    for (int64_t i = 0; i < rows; ++i) to[p * rows + i] = a[i * a_row + p];
  }
}

// The sizes of the strips that rows are cut into: as even as possible, none longer than a tile.
inline int64_t strip_rows(int64_t rows, int64_t row) {
  const int64_t left = rows - row;
  return ceiling(left, ceiling(left, tile_rows));
}

}  // namespace

template <class T>
int64_t gemm_tile_columns() {
  return tile_columns<T>;
}

template <class T>
int64_t gemm_scratch(int64_t m, int64_t n, int64_t k) {
  const int64_t depth = std::min(k, block_depth);
  const int64_t columns = ceiling(std::min(n, block_columns), tile_columns<T>) * tile_columns<T>;
  return depth * (columns + std::min(m, block_rows)) + 2 * lanes<T>;
}

template <class T>
void gemm(const Product<T>& p, T* scratch) {
  const int64_t a_row = p.transpose_a ? 1 : p.lda, a_depth = p.transpose_a ? p.lda : 1;
  const int64_t b_depth = p.transpose_b ? 1 : p.ldb, b_column = p.transpose_b ? p.ldb : 1;
  const bool pack_b = p.transpose_b || p.m > 4 * tile_rows;
  const bool pack_a = p.n > 3 * tile_columns<T> && p.m > tile_rows;
  const int64_t passes = std::max<int64_t>(1, ceiling(p.k, block_depth)), depth = ceiling(p.k, passes);
  T* const strips = scratch;
  T* const panels = scratch + (pack_a ? (ceiling(std::min(p.m, block_rows) * depth, lanes<T>) + 1) * lanes<T> : 0);
  for (int64_t k = 0, end; k == 0 || k < p.k; k = end) {
    end = std::min(p.k, k + depth);
    const bool last = end >= p.k;
    for (int64_t first_column = 0; first_column < p.n; first_column += block_columns) {
      const int64_t last_column = std::min(p.n, first_column + block_columns);
      for (int64_t first_row = 0; first_row < p.m; first_row += block_rows) {
        const int64_t last_row = std::min(p.m, first_row + block_rows);
        T* panel = panels;
        for (int64_t j = first_column; j < last_column; j += tile_columns<T>) {
          const int64_t columns = std::min(tile_columns<T>, last_column - j);
          const int64_t width = columns <= lanes<T> ? lanes<T> : tile_columns<T>;
          const T* b = p.b + k * b_depth + j * b_column;
          int64_t step = b_depth;
          if (pack_b || columns != width) {
            if (first_row == 0) pack_panel(end - k, columns, width, b, b_depth, b_column, panel);
            b = panel;
            step = width;
            panel += (end - k) * width;
          }
          T* strip = strips;
          for (int64_t i = first_row, rows; i < last_row; i += rows) {
            rows = strip_rows(last_row, i);
            const T* a = p.a + i * a_row + k * a_depth;
            int64_t row_step = a_row, depth_step = a_depth;
            if (pack_a) {
              if (j == first_column) pack_strip(end - k, rows, a, a_row, a_depth, strip);
              a = strip;
              row_step = 1;
              depth_step = rows;
              strip += (end - k) * rows;
            }
            const Finish<T> finish{p.alpha, k == 0 ? p.beta : T(1),
                                   last && p.row_bias != nullptr ? p.row_bias + j : nullptr};
            choose_tile<T>(rows, columns, row_step == 1)(end - k, a, row_step, depth_step, b, step, p.c + i * p.ldc + j,
                                                         p.ldc, columns, finish);
          }
        }
      }
    }
    if (p.k == 0) break;
  }
}

template int64_t gemm_tile_columns<float>();
template int64_t gemm_tile_columns<double>();
template int64_t gemm_scratch<float>(int64_t, int64_t, int64_t);
template int64_t gemm_scratch<double>(int64_t, int64_t, int64_t);
template void gemm(const Product<float>&, float*);
template void gemm(const Product<double>&, double*);

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
