#include "autograd/kernels/rows.h"

#include <algorithm>
#include <cstring>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {
namespace {

template <class T>
void gather(int64_t count, int64_t width, const T* table, const int32_t* ids, T* y) {
  for_rows(count, width, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      std::memcpy(y + i * width, table + ids[i] * width, static_cast<size_t>(width) * sizeof(T));
    }
  });
}

// Cut over columns, not rows, because ids may repeat.
template <class T>
void scatter(int64_t count, int64_t width, const T* values, const int32_t* ids, T* table) {
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

}  // namespace

template <>
const RowKernels<float> Levels<RowKernels<float>>::TRANSFORMLET_LEVEL = {gather<float>, scatter<float>};
template <>
const RowKernels<double> Levels<RowKernels<double>>::TRANSFORMLET_LEVEL = {gather<double>, scatter<double>};

}  // namespace transformlet::kernels
