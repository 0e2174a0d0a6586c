// Copies between arrays whose axes are walked through in different steps: permute, slice, pad, concatenate.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {

// to[sum of i * to_steps] = from[sum of i * from_steps] for every index i below `sizes` (at least one axis).
template <class T>
void copy_strided(std::span<const int64_t> sizes, const T* from, std::span<const int64_t> from_steps, T* to,
                  std::span<const int64_t> to_steps) {
  const size_t last = sizes.size() - 1;
  const int64_t inner = sizes[last], from_step = from_steps[last], to_step = to_steps[last];
  int64_t outer = 1;
  for (size_t axis = 0; axis < last; ++axis) outer *= sizes[axis];
  for_rows(outer, inner, [&](int64_t first, int64_t end) {
    for (int64_t row = first; row < end; ++row) {
      int64_t rest = row, from_offset = 0, to_offset = 0;
      for (size_t axis = last; axis-- > 0;) {
        const int64_t i = rest % sizes[axis];
        rest /= sizes[axis];
        from_offset += i * from_steps[axis];
        to_offset += i * to_steps[axis];
      }
      const T* const p = from + from_offset;
      T* const q = to + to_offset;
      if (from_step == 1 && to_step == 1) {
        std::copy(p, p + inner, q);
      } else {
        for (int64_t i = 0; i < inner; ++i) q[i * to_step] = p[i * from_step];
      }
    }
  });
}

}  // namespace transformlet::kernels
