#include "autograd/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {
namespace {

constexpr int64_t exp_cost = 8;  // an exponential in units of an addition

// Calls body(row) for every row.
template <class Body>
void for_each_row(int64_t rows, int64_t columns, const Body& body) {
  for_rows(rows, exp_cost * columns, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) body(row);
  });
}

template <class T>
T largest(int64_t n, const T* x) {
  T result = x[0];
#pragma omp simd reduction(max : result)
  for (int64_t i = 0; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// The logarithm of the sum of exp(x - peak), where peak is the largest, so nothing overflows. It stays apart from the
// peak: their sum would be rounded to the peak's last digit, and probabilities to as many digits fewer.
template <class T>
T log_sum_exp(int64_t n, const T* x, T peak) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - peak);
  return std::log(total);
}

}  // namespace

template <class T>
void softmax(int64_t rows, int64_t columns, const T* x, T* y) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const from = x + row * columns;
    T* const to = y + row * columns;
    const T peak = largest(columns, from);
    T total = 0;
    for (int64_t i = 0; i < columns; ++i) total += to[i] = std::exp(from[i] - peak);
    const T scale = T(1) / total;
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) to[i] *= scale;
  });
}

template <class T>
void softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const d = dy + row * columns;
    const T* const p = y + row * columns;
    T* const to = dx + row * columns;
    T product = 0;
#pragma omp simd reduction(+ : product)
    for (int64_t i = 0; i < columns; ++i) product += d[i] * p[i];
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) to[i] = p[i] * (d[i] - product);
  });
}

template <class T>
void log_softmax(int64_t rows, int64_t columns, const T* x, T* y) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const from = x + row * columns;
    T* const to = y + row * columns;
    const T peak = largest(columns, from);
    const T log_total = log_sum_exp(columns, from, peak);
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) to[i] = (from[i] - peak) - log_total;
  });
}

template <class T>
void log_softmax_backward(int64_t rows, int64_t columns, const T* dy, const T* y, T* dx) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const d = dy + row * columns;
    const T* const from = y + row * columns;
    T* const to = dx + row * columns;
    T total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < columns; ++i) total += d[i];
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) to[i] = d[i] - std::exp(from[i]) * total;
  });
}

template <class T>
void cross_entropy(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, int32_t ignored, T smoothing,
                   T* losses, T* log_totals) {
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const x = logits + row * columns;
    if (targets[row] == ignored) {
      losses[row] = log_totals[row] = T(0);
      return;
    }
    const T peak = largest(columns, x);
    const T log_total = log_sum_exp(columns, x, peak);
    T loss = (T(1) - smoothing) * (log_total - (x[targets[row]] - peak));
    if (smoothing != T(0)) {
      T total = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t i = 0; i < columns; ++i) total += log_total - (x[i] - peak);
      loss += smoothing / static_cast<T>(columns) * total;
    }
    losses[row] = loss;
    log_totals[row] = log_total;
  });
}

template <class T>
void cross_entropy_backward(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, int32_t ignored,
                            T smoothing, const T* log_totals, T dloss, T* dlogits) {
  const T spread = smoothing / static_cast<T>(columns);
  for_each_row(rows, columns, [=](int64_t row) {
    const T* const x = logits + row * columns;
    T* const to = dlogits + row * columns;
    if (targets[row] == ignored) {
      std::fill_n(to, columns, T(0));
      return;
    }
    const T peak = largest(columns, x);
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) to[i] = dloss * (std::exp((x[i] - peak) - log_totals[row]) - spread);
    to[targets[row]] -= dloss * (T(1) - smoothing);
  });
}

#define INSTANTIATE(T)                                                                         \
  template void softmax(int64_t, int64_t, const T*, T*);                                       \
  template void softmax_backward(int64_t, int64_t, const T*, const T*, T*);                    \
  template void log_softmax(int64_t, int64_t, const T*, T*);                                   \
  template void log_softmax_backward(int64_t, int64_t, const T*, const T*, T*);                \
  template void cross_entropy(int64_t, int64_t, const T*, const int32_t*, int32_t, T, T*, T*); \
  template void cross_entropy_backward(int64_t, int64_t, const T*, const int32_t*, int32_t, T, const T*, T, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace transformlet::kernels
