// Rows of a table taken by id, and added up by id.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {

// y[i] = table[ids[i]], rows of `width`
template <class T>
void gather_rows(int64_t count, int64_t width, const T* table, const int32_t* ids, T* y) {
  for_rows(count, width, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) std::copy_n(table + ids[i] * width, width, y + i * width);
  });
}

// table[ids[i]] += values[i]. Cut over columns, not rows: an id may repeat, and each sum keeps one order.
template <class T>
void scatter_rows(int64_t count, int64_t width, const T* values, const int32_t* ids, T* table) {
  const int64_t grain = std::max<int64_t>(16, serial_elements / std::max<int64_t>(1, count));
  for_ranges(width, grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      T* const to = table + ids[i] * width;
      const T* const from = values + i * width;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) to[j] += from[j];
    }
  });
}

}  // namespace transformlet::kernels
