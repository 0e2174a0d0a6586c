#include "autograd/kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/reduce.h"
#include "autograd/kernels/scratch.h"

namespace transformlet::kernels {
namespace {

constexpr int64_t piece_rows = 64;  // gains' gradients are summed over pieces of fixed length, then over the pieces

// Calls rows_of(first, last, dgain part, dbias part) over pieces of rows, with parts (columns) set to zero before, and
// adds the parts up in a fixed order.
template <class T, class Rows>
void for_pieces(int64_t rows, int64_t columns, T* dgain, T* dbias, const Rows& rows_of) {
  const int64_t pieces = (rows + piece_rows - 1) / piece_rows;
  Scratch<T> gain_parts(pieces * columns), bias_parts(dbias != nullptr ? pieces * columns : 1);
  T* const gains = gain_parts.data();
  T* const biases = dbias != nullptr ? bias_parts.data() : nullptr;
  for_rows(pieces, piece_rows * columns, [&](int64_t first, int64_t last) {
    for (int64_t piece = first; piece < last; ++piece) {
      T* const gain_part = gains + piece * columns;
      T* const bias_part = biases == nullptr ? nullptr : biases + piece * columns;
      std::fill_n(gain_part, columns, T(0));
      if (bias_part != nullptr) std::fill_n(bias_part, columns, T(0));
      rows_of(piece * piece_rows, std::min(rows, (piece + 1) * piece_rows), gain_part, bias_part);
    }
  });
  if (dgain != nullptr) sum_middle<T>(1, pieces, columns, gains, dgain);
  if (dbias != nullptr) sum_middle<T>(1, pieces, columns, biases, dbias);
}

}  // namespace

template <class T>
void layer_norm(int64_t rows, int64_t columns, const T* x, const T* gain, const T* bias, T epsilon, T* y, T* mean,
                T* inverse_deviation) {
  const T scale = T(1) / static_cast<T>(columns);
  for_rows(rows, 4 * columns, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const T* const from = x + row * columns;
      T* const to = y + row * columns;
      T total = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t i = 0; i < columns; ++i) total += from[i];
      const T m = total * scale;
      // Two passes: the mean of squares minus the square of the mean would lose all digits of an offset row.
      T squares = 0;
#pragma omp simd reduction(+ : squares)
      for (int64_t i = 0; i < columns; ++i) squares += (from[i] - m) * (from[i] - m);
      const T r = T(1) / std::sqrt(squares * scale + epsilon);
      if (bias != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < columns; ++i) to[i] = (from[i] - m) * r * gain[i] + bias[i];
      } else {
#pragma omp simd
        for (int64_t i = 0; i < columns; ++i) to[i] = (from[i] - m) * r * gain[i];
      }
      mean[row] = m;
      inverse_deviation[row] = r;
    }
  });
}

// With n = (x - mean) * r and g = dy * gain: dx = r * (g - mean(g) - n * mean(g * n)).
template <class T>
void layer_norm_backward(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* mean,
                         const T* inverse_deviation, T* dx, T* dgain, T* dbias) {
  const T scale = T(1) / static_cast<T>(columns);
  for_pieces<T>(rows, columns, dgain, dbias, [=](int64_t first, int64_t last, T* gain_part, T* bias_part) {
    for (int64_t row = first; row < last; ++row) {
      const T* const from = x + row * columns;
      const T* const g = dy + row * columns;
      const T m = mean[row], r = inverse_deviation[row];
      T total = 0, product = 0;
#pragma omp simd reduction(+ : total, product)
      for (int64_t i = 0; i < columns; ++i) {
        const T n = (from[i] - m) * r;
        total += g[i] * gain[i];
        product += g[i] * gain[i] * n;
      }
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) gain_part[i] += g[i] * (from[i] - m) * r;
      if (bias_part != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < columns; ++i) bias_part[i] += g[i];
      }
      if (dx == nullptr) continue;
      T* const to = dx + row * columns;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = r * (g[i] * gain[i] - scale * total - (from[i] - m) * r * (scale * product));
      }
    }
  });
}

template <class T>
void rms_norm(int64_t rows, int64_t columns, const T* x, const T* gain, T epsilon, T* y, T* inverse_rms) {
  for_rows(rows, 3 * columns, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const T* const from = x + row * columns;
      T* const to = y + row * columns;
      T squares = 0;
#pragma omp simd reduction(+ : squares)
      for (int64_t i = 0; i < columns; ++i) squares += from[i] * from[i];
      const T r = T(1) / std::sqrt(squares / static_cast<T>(columns) + epsilon);
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] = from[i] * r * gain[i];
      inverse_rms[row] = r;
    }
  });
}

// With n = x * r and g = dy * gain: dx = r * (g - n * mean(g * n)).
template <class T>
void rms_norm_backward(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* inverse_rms,
                       T* dx, T* dgain) {
  for_pieces<T>(rows, columns, dgain, static_cast<T*>(nullptr), [=](int64_t first, int64_t last, T* gain_part, T*) {
    for (int64_t row = first; row < last; ++row) {
      const T* const from = x + row * columns;
      const T* const g = dy + row * columns;
      const T r = inverse_rms[row];
      T product = 0;
#pragma omp simd reduction(+ : product)
      for (int64_t i = 0; i < columns; ++i) product += g[i] * gain[i] * from[i] * r;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) gain_part[i] += g[i] * from[i] * r;
      if (dx == nullptr) continue;
      T* const to = dx + row * columns;
      const T mean_product = product / static_cast<T>(columns);
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] = r * (g[i] * gain[i] - from[i] * r * mean_product);
    }
  });
}

#define INSTANTIATE(T)                                                                                               \
  template void layer_norm(int64_t, int64_t, const T*, const T*, const T*, T, T*, T*, T*);                           \
  template void layer_norm_backward(int64_t, int64_t, const T*, const T*, const T*, const T*, const T*, T*, T*, T*); \
  template void rms_norm(int64_t, int64_t, const T*, const T*, T, T*, T*);                                           \
  template void rms_norm_backward(int64_t, int64_t, const T*, const T*, const T*, const T*, T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace transformlet::kernels
