// Rows of a table taken by id, and added up by id.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

template <class T>
struct RowKernels {
  // y[i] = table[ids[i]], rows of `width`
  void (*gather)(int64_t count, int64_t width, const T* table, const int32_t* ids, T* y);
  // table[ids[i]] += values[i]; an id may repeat, and each sum keeps one order.
  void (*scatter)(int64_t count, int64_t width, const T* values, const int32_t* ids, T* table);
};

template <class T>
const RowKernels<T>& rows() {
  return best<RowKernels<T>>();
}

}  // namespace transformlet::kernels
