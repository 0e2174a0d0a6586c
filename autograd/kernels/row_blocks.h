// Rows of a matrix that are worked on in turns, a few at a time: a row's sum waits for its own additions, and those of
// several rows wait side by side. For kernel files.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

constexpr int64_t most_block_rows = 16;

// Calls body(first row, count) over blocks of up to `most_block_rows` rows in [first, last), which stay in the first
// cache together.
template <class Body>
[[gnu::always_inline]] inline void for_row_blocks(int64_t first, int64_t last, int64_t columns, const Body& body) {
  const int64_t block = std::clamp<int64_t>(2048 / std::max<int64_t>(1, columns), 1, most_block_rows);
  for (int64_t row = first; row < last; row += block) body(row, std::min(block, last - row));
}

// The sum of term(i) for i below n. Long sums are cut into pieces that are added up in double.
template <class T, class Term>
[[gnu::always_inline]] inline T sum_of(int64_t n, const Term& term) {
  constexpr int64_t piece = 1024;
  T total = 0;
  if (n <= piece) {
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; ++i) total += term(i);
    return total;
  }
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += piece) {
    const int64_t end = std::min(n, begin + piece);
    T part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) part += term(i);
    sum += static_cast<double>(part);
  }
  return static_cast<T>(sum);
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
