#include "autograd/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/row_places.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

constexpr int64_t exp_cost = 4;  // an element with its exponential, in units of an addition

// Calls body(row) for every row.
template <class Body>
void for_each_row(int64_t rows, int64_t columns, const Body& body) {
  for_rows(rows, exp_cost * columns, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) body(row);
  });
}

// y = exp(x - peak); gives back the sum.
template <class T>
T exp_row(int64_t n, const T* x, T peak, T* y) {
  return sum_of<T>(n, [=](const auto& at) {
    const auto e = vector_exp(at(x) - peak);
    at.put(e, y);
    return e;
  });
}

// The logarithm of the sum of exp(x - peak), where peak is the largest, so nothing overflows. It stays apart from the
// peak: their sum would be rounded to the peak's last digit, and probabilities to as many digits fewer.
template <class T>
T log_sum_exp(int64_t n, const T* x, T peak) {
  return std::log(sum_of<T>(n, [=](const auto& at) { return vector_exp(at(x) - peak); }));
}

template <class T>
void scale_row(int64_t n, T factor, T* x) {
  for_places<T>(n, [=](const auto& at) { at.put(factor * at(x), x); });
}

template <class T>
void softmax(int64_t rows, int64_t columns, const T* x, T* y) {
  for_rows(rows, exp_cost * columns, [=](int64_t first, int64_t last) {
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      const T* const from = x + row * columns;
      T* const to = y + row * columns;
      T peaks[most_block_rows], totals[most_block_rows];
      for (int64_t r = 0; r < count; ++r) peaks[r] = largest(columns, from + r * columns);
      for (int64_t r = 0; r < count; ++r) {
        totals[r] = exp_row(columns, from + r * columns, peaks[r], to + r * columns);
      }
      for (int64_t r = 0; r < count; ++r) scale_row(columns, T(1) / totals[r], to + r * columns);
    });
  });
}

template <class T>
void softmax_backward_row(int64_t n, const T* dy, const T* y, T product, T* dx) {
  for_places<T>(n, [=](const auto& at) { at.put(at(y) * (at(dy) - product), dx); });
}

template <class T>
void softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx) {
  for_rows(rows, 2 * columns, [=](int64_t first, int64_t last) {
    for_row_blocks(first, last, columns, [=](int64_t row, int64_t count) {
      T products[most_block_rows];
      for (int64_t r = 0; r < count; ++r) {
        const int64_t place = (row + r) * columns;
        products[r] = sum_of<T>(columns, [d = dy + place, p = y + place](const auto& at) { return at(d) * at(p); });
      }
      for (int64_t r = 0; r < count; ++r) {
        const int64_t place = (row + r) * columns;
        softmax_backward_row(columns, dy + place, y + place, products[r], dx + place);
      }
    });
  });
}

template <class T>
void log_probabilities(int64_t n, const T* x, T peak, T log_total, T* y) {
  for_places<T>(n, [=](const auto& at) { at.put((at(x) - peak) - log_total, y); });
}

template <class T>
void log_softmax(int64_t rows, int64_t columns, const T* x, T* y) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const from = x + row * columns;
    const T peak = largest(columns, from);
    log_probabilities(columns, from, peak, log_sum_exp(columns, from, peak), y + row * columns);
  });
}

template <class T>
void log_softmax_backward_row(int64_t n, const T* dy, const T* y, T total, T* dx) {
  for_places<T>(n, [=](const auto& at) { at.put(at(dy) - vector_exp(at(y)) * total, dx); });
}

template <class T>
void log_softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const d = dy + row * columns;
    log_softmax_backward_row(columns, d, y + row * columns, sum_of<T>(columns, [=](const auto& at) { return at(d); }),
                             dx + row * columns);
  });
}

template <class T>
void cross_entropy(const CrossEntropy<T>& p, T* losses, T* peaks, T* log_totals) {
  for_each_row(p.rows, p.columns, [=, &p](int64_t row) {
    const T* const x = p.logits + row * p.columns;
    if (p.targets[row] == p.ignored) {
      losses[row] = peaks[row] = log_totals[row] = T(0);
      return;
    }
    const T peak = largest(p.columns, x);
    const T log_total = log_sum_exp(p.columns, x, peak);
    T loss = (T(1) - p.smoothing) * (log_total - (x[p.targets[row]] - peak));
    if (p.smoothing != T(0)) {
      loss += p.smoothing / static_cast<T>(p.columns) *
              sum_of<T>(p.columns, [=](const auto& at) { return log_total - (at(x) - peak); });
    }
    losses[row] = loss;
    peaks[row] = peak;
    log_totals[row] = log_total;
  });
}

// y = factor * (softmax(x) - shift)
template <class T>
void probability_row(int64_t n, const T* x, T peak, T log_total, T factor, T shift, T* y) {
  for_places<T>(n, [=](const auto& at) { at.put(factor * (vector_exp((at(x) - peak) - log_total) - shift), y); });
}

template <class T>
void cross_entropy_backward(const CrossEntropy<T>& p, const T* peaks, const T* log_totals, T dloss, T* dlogits) {
  const T spread = p.smoothing / static_cast<T>(p.columns);
  for_each_row(p.rows, p.columns, [=, &p](int64_t row) {
    const T* const x = p.logits + row * p.columns;
    T* const to = dlogits + row * p.columns;
    if (p.targets[row] == p.ignored) {
      std::fill_n(to, p.columns, T(0));
      return;
    }
    probability_row(p.columns, x, peaks[row], log_totals[row], dloss, spread, to);
    to[p.targets[row]] -= dloss * (T(1) - p.smoothing);
  });
}

template <class T>
constexpr SoftmaxKernels<T> table = {.softmax = softmax<T>,
                                     .softmax_backward = softmax_backward<T>,
                                     .log_softmax = log_softmax<T>,
                                     .log_softmax_backward = log_softmax_backward<T>,
                                     .cross_entropy = cross_entropy<T>,
                                     .cross_entropy_backward = cross_entropy_backward<T>};

}  // namespace

template <>
const SoftmaxKernels<float> Levels<SoftmaxKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const SoftmaxKernels<double> Levels<SoftmaxKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
