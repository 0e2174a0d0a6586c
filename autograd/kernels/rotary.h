// Rotary position embedding: pairs of columns of each head turn by an angle that grows with the row.
#pragma once

#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

struct RotaryProblem {
  int64_t samples = 0, length = 0, width = 0;  // of x, whose first heads * head_size columns turn
  int64_t heads = 0, head_size = 0;
  double base = 10000, direction = 1;  // -1: back
  int64_t offset = 0;                  // the position of the first row
};

template <class T>
struct RotaryKernels {
  // y has the place of x (samples, length, width).
  void (*rotary)(const RotaryProblem& problem, const T* x, T* y);
};

template <class T>
const RotaryKernels<T>& rotary() {
  return best<RotaryKernels<T>>();
}

}  // namespace transformlet::kernels
