#include "autograd/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "autograd/kernels/row_places.h"
#include "autograd/kernels/scratch.h"

namespace transformlet::kernels {
namespace {

constexpr int64_t piece_length = 4096;  // of a contiguous sum
constexpr int64_t piece_rows = 256;     // of a sum of rows

template <class T>
double sum_contiguous(int64_t n, const T* x) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += piece_length) {
    const int64_t length = std::min(piece_length, n - begin);
    total += static_cast<double>(sum_of<T>(length, [from = x + begin](const auto& at) { return at(from); }));
  }
  return total;
}

// As many numbers as there are doubles in a vector.
template <class T>
Vector<double> load_wide(const T* from) {
  typedef T Few __attribute__((vector_size(lanes<double> * sizeof(T))));
  Few x;
  std::memcpy(&x, from, sizeof(x));
  return __builtin_convertvector(x, Vector<double>);
}

// In four chains of additions: one would wait for itself.
template <class T>
double squares_of(int64_t n, const T* x) {
  constexpr int chains = 4;
  Vector<double> sums[chains] = {};
  int64_t i = 0;
  for (; i + chains * lanes<double> <= n; i += chains * lanes<double>) {
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) {
      const Vector<double> value = load_wide(x + i + c * lanes<double>);
      sums[c] += value * value;
    }
  }
  double total = sum_of_lanes<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

// Sums pieces of fixed length by `piece`, and those in order, in double.
template <class Piece>
double sum_in_pieces(int64_t n, const Piece& piece) {
  if (n <= piece_length) return piece(int64_t{0}, n);
  const int64_t pieces = (n + piece_length - 1) / piece_length;
  Scratch<double> scratch(pieces);
  double* const sums = scratch.data();
  for_ranges(pieces, 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) sums[i] = piece(i * piece_length, std::min(n, (i + 1) * piece_length));
  });
  double total = 0;
  for (int64_t i = 0; i < pieces; ++i) total += sums[i];
  return total;
}

// y (inner) = the sum of the rows of x (count, inner), four at a time.
template <class T>
void sum_rows(int64_t count, int64_t inner, const T* x, T* y) {
  std::fill(y, y + inner, T(0));
  int64_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const T *const a = x + row * inner, *const b = a + inner, *const c = b + inner, *const d = c + inner;
#pragma omp simd
    for (int64_t i = 0; i < inner; ++i) y[i] += (a[i] + b[i]) + (c[i] + d[i]);
  }
  for (; row < count; ++row) {
    const T* const from = x + row * inner;
#pragma omp simd
    for (int64_t i = 0; i < inner; ++i) y[i] += from[i];
  }
}

template <class T>
void sum_middle(int64_t outer, int64_t count, int64_t inner, const T* x, T* y) {
  if (inner == 1) {
    if (outer == 1) {
      y[0] = static_cast<T>(
          sum_in_pieces(count, [&](int64_t begin, int64_t end) { return sum_contiguous(end - begin, x + begin); }));
      return;
    }
    for_rows(outer, count, [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) y[o] = static_cast<T>(sum_contiguous(count, x + o * count));
    });
    return;
  }
  const int64_t pieces = (count + piece_rows - 1) / piece_rows;
  if (pieces <= 1) {
    for_rows(outer, count * inner, [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) sum_rows(count, inner, x + o * count * inner, y + o * inner);
    });
    return;
  }
  Scratch<T> scratch(outer * pieces * inner);
  T* const partial = scratch.data();
  for_rows(outer * pieces, piece_rows * inner, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const int64_t o = p / pieces, row = p % pieces * piece_rows;
      sum_rows(std::min(piece_rows, count - row), inner, x + (o * count + row) * inner, partial + p * inner);
    }
  });
  for (int64_t o = 0; o < outer; ++o) sum_rows(pieces, inner, partial + o * pieces * inner, y + o * inner);
}

template <class T>
void max_middle(int64_t outer, int64_t count, int64_t inner, const T* x, T* y, T* chosen) {
  for_rows(outer, count * inner, [&](int64_t first, int64_t last) {
    for (int64_t o = first; o < last; ++o) {
      const T* const from = x + o * count * inner;
      T* const marks = chosen + o * count * inner;
      std::fill(marks, marks + count * inner, T(0));
      for (int64_t i = 0; i < inner; ++i) {
        int64_t best = 0;
        for (int64_t c = 1; c < count && !std::isnan(from[best * inner + i]); ++c) {
          if (!(from[c * inner + i] <= from[best * inner + i])) best = c;
        }
        y[o * inner + i] = from[best * inner + i];
        marks[best * inner + i] = T(1);
      }
    }
  });
}

template <class T>
double sum_of_squares(int64_t n, const T* x) {
  return sum_in_pieces(n, [&](int64_t begin, int64_t end) { return squares_of(end - begin, x + begin); });
}

template <class T>
constexpr ReduceKernels<T> table = {sum_middle<T>, max_middle<T>, sum_of_squares<T>};

}  // namespace

template <>
const ReduceKernels<float> Levels<ReduceKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const ReduceKernels<double> Levels<ReduceKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
