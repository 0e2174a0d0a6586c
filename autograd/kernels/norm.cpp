#include "autograd/kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/reduce.h"
#include "autograd/kernels/row_places.h"
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
  const auto sum = Levels<ReduceKernels<T>>::TRANSFORMLET_LEVEL.sum_middle;
  sum(1, pieces, columns, gains, dgain);
  if (dbias != nullptr) sum(1, pieces, columns, biases, dbias);
}

template <class T>
void normalise_row(int64_t columns, const T* x, T mean, T factor, const T* gain, const T* bias, T* y) {
  if (bias != nullptr) {
    for_places<T>(columns, [=](const auto& at) { at.put((at(x) - mean) * factor * at(gain) + at(bias), y); });
  } else {
    for_places<T>(columns, [=](const auto& at) { at.put((at(x) - mean) * factor * at(gain), y); });
  }
}

template <class T>
void layer_norm(int64_t rows, int64_t columns, const T* x, const T* gain, const T* bias, T epsilon, T* y, T* mean,
                T* inverse_deviation) {
  const T scale = T(1) / static_cast<T>(columns);
  for_rows(rows, 2 * columns, [=](int64_t first, int64_t last) {
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      const T* const block = x + row * columns;
      T *const means = mean + row, *const factors = inverse_deviation + row;
      for (int64_t r = 0; r < count; ++r) {
        means[r] = scale * sum_of<T>(columns, [from = block + r * columns](const auto& at) { return at(from); });
      }
      // Another pass: the mean of squares minus the square of the mean would lose all digits of an offset row.
      for (int64_t r = 0; r < count; ++r) {
        factors[r] = sum_of<T>(columns, [from = block + r * columns, m = means[r]](const auto& at) {
          const auto centred = at(from) - m;
          return centred * centred;
        });
      }
#pragma omp simd
      for (int64_t r = 0; r < count; ++r) factors[r] = T(1) / std::sqrt(factors[r] * scale + epsilon);
      for (int64_t r = 0; r < count; ++r) {
        normalise_row(columns, block + r * columns, means[r], factors[r], gain, bias, y + (row + r) * columns);
      }
    });
  });
}

// The sums over a row that its dx needs. On the way the row's part is added to the gradients of gain and bias.
template <class T>
struct RowSums {
  T of_g, of_product;
};
template <class T, bool with_bias>
RowSums<T> backward_sums(int64_t columns, const T* dy, const T* x, const T* gain, T mean, T factor, T* dgain,
                         T* dbias) {
  T totals[2] = {};
  add_sums<T>(0, columns, totals, [=](const auto& at, auto* sums) {
    const auto d = at(dy), dn = d * ((at(x) - mean) * factor);
    sums[0] += at.keep(d * at(gain));
    sums[1] += at.keep(dn * at(gain));
    at.put(at(dgain) + at.keep(dn), dgain);
    if constexpr (with_bias) at.put(at(dbias) + at.keep(d), dbias);
  });
  return {totals[0], totals[1]};
}

// dx = factor * (g - mean of g - n * mean of g * n)
template <class T>
void backward_row(int64_t columns, const T* dy, const T* x, const T* gain, T mean, T factor, T mean_of_g,
                  T mean_of_product, T* dx) {
  for_places<T>(columns, [=](const auto& at) {
    at.put(factor * (at(dy) * at(gain) - mean_of_g - (at(x) - mean) * factor * mean_of_product), dx);
  });
}

// With n = (x - mean) * r and g = dy * gain: dx = r * (g - mean(g) - n * mean(g * n)).
template <class T>
void layer_norm_backward(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* mean,
                         const T* inverse_deviation, T* dx, T* dgain, T* dbias) {
  const T scale = T(1) / static_cast<T>(columns);
  for_pieces<T>(rows, columns, dgain, dbias, [=](int64_t first, int64_t last, T* gain_part, T* bias_part) {
    const auto sums_of = bias_part != nullptr ? backward_sums<T, true> : backward_sums<T, false>;
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      RowSums<T> sums[most_block_rows];
      for (int64_t r = 0; r < count; ++r) {
        const int64_t place = (row + r) * columns;
        sums[r] = sums_of(columns, dy + place, x + place, gain, mean[row + r], inverse_deviation[row + r], gain_part,
                          bias_part);
      }
      for (int64_t r = 0; r < count && dx != nullptr; ++r) {
        const int64_t place = (row + r) * columns;
        backward_row(columns, dy + place, x + place, gain, mean[row + r], inverse_deviation[row + r],
                     scale * sums[r].of_g, scale * sums[r].of_product, dx + place);
      }
    });
  });
}

// RMS norm is layer norm around 0 instead of the mean, and without the mean's part in dx.

template <class T>
void rms_norm(int64_t rows, int64_t columns, const T* x, const T* gain, T epsilon, T* y, T* inverse_rms) {
  const T scale = T(1) / static_cast<T>(columns);
  for_rows(rows, 2 * columns, [=](int64_t first, int64_t last) {
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      const T* const block = x + row * columns;
      T* const factors = inverse_rms + row;
      for (int64_t r = 0; r < count; ++r) {
        factors[r] = sum_of<T>(columns, [from = block + r * columns](const auto& at) { return at(from) * at(from); });
      }
#pragma omp simd
      for (int64_t r = 0; r < count; ++r) factors[r] = T(1) / std::sqrt(factors[r] * scale + epsilon);
      for (int64_t r = 0; r < count; ++r) {
        normalise_row<T>(columns, block + r * columns, T(0), factors[r], gain, nullptr, y + (row + r) * columns);
      }
    });
  });
}

template <class T>
void rms_norm_backward(int64_t rows, int64_t columns, const T* dy, const T* x, const T* gain, const T* inverse_rms,
                       T* dx, T* dgain) {
  const T scale = T(1) / static_cast<T>(columns);
  for_pieces<T>(rows, columns, dgain, static_cast<T*>(nullptr), [=](int64_t first, int64_t last, T* gain_part, T*) {
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      T products[most_block_rows];
      for (int64_t r = 0; r < count; ++r) {
        const int64_t place = (row + r) * columns;
        products[r] = backward_sums<T, false>(columns, dy + place, x + place, gain, T(0), inverse_rms[row + r],
                                              gain_part, nullptr)
                          .of_product;
      }
      for (int64_t r = 0; r < count && dx != nullptr; ++r) {
        const int64_t place = (row + r) * columns;
        backward_row(columns, dy + place, x + place, gain, T(0), inverse_rms[row + r], T(0), scale * products[r],
                     dx + place);
      }
    });
  });
}

template <class T>
constexpr NormKernels<T> table = {layer_norm<T>, layer_norm_backward<T>, rms_norm<T>, rms_norm_backward<T>};

}  // namespace

template <>
const NormKernels<float> Levels<NormKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const NormKernels<double> Levels<NormKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
