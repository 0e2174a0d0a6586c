// Copies between arrays whose axes are walked through in different steps: permute, slice, pad, concatenate.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {

// An axis other than the last along which neighbours lie side by side in memory; -1 if there is none.
inline int contiguous_axis(std::span<const int64_t> sizes, std::span<const int64_t> steps) {
  for (int axis = static_cast<int>(sizes.size()) - 2; axis >= 0; --axis) {
    if (steps[static_cast<size_t>(axis)] == 1 && sizes[static_cast<size_t>(axis)] > 1) return axis;
  }
  return -1;
}

// to[row * to_row + column * to_column] = from[row + column * from_column], in tiles: so each line of the cache that is
// fetched is also used.
template <class T>
void copy_turned(int64_t rows, int64_t columns, const T* from, int64_t from_column, T* to, int64_t to_row,
                 int64_t to_column) {
  constexpr int64_t tile_rows = 16, tile_columns = 8;
  const auto tile = [=](int64_t row, int64_t column, int64_t height, int64_t width) {
    const T* const p = from + row + column * from_column;
    T* const q = to + row * to_row + column * to_column;
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t c = 0; c < width; ++c) q[r * to_row + c * to_column] = p[r + c * from_column];
    }
  };
  for (int64_t row = 0; row < rows; row += tile_rows) {
    const int64_t height = std::min(tile_rows, rows - row);
    for (int64_t column = 0; column < columns; column += tile_columns) {
      const int64_t width = std::min(tile_columns, columns - column);
      if (height == tile_rows && width == tile_columns) {
        tile(row, column, tile_rows, tile_columns);  // with known bounds, the loops are unrolled
      } else {
        tile(row, column, height, width);
      }
    }
  }
}

// to[sum of i * to_steps] = from[sum of i * from_steps] for every index i below `sizes` (at least one axis).
template <class T>
void copy_strided(std::span<const int64_t> sizes, const T* from, std::span<const int64_t> from_steps, T* to,
                  std::span<const int64_t> to_steps) {
  const size_t last = sizes.size() - 1;
  const int64_t inner = sizes[last], from_step = from_steps[last], to_step = to_steps[last];
  // Where the last axis jumps through `from`, one that does not is walked along with it, in strips of `height`.
  const int turned = from_step > 1 ? contiguous_axis(sizes, from_steps) : -1;
  const auto second = static_cast<size_t>(std::max(turned, 0));
  const int64_t rows = turned < 0 ? 1 : sizes[second], row_step = turned < 0 ? 0 : to_steps[second];
  constexpr int64_t height = 64;
  const int64_t strips = (rows + height - 1) / height;
  int64_t outer = 1;
  for (size_t axis = 0; axis < last; ++axis) outer *= static_cast<int>(axis) == turned ? 1 : sizes[axis];

  for_rows(outer * strips, inner * std::min(rows, height), [&](int64_t first, int64_t end) {
    for (int64_t strip = first; strip < end; ++strip) {
      const int64_t row = strip % strips * height;
      int64_t rest = strip / strips, from_offset = row, to_offset = row * row_step;
      for (size_t axis = last; axis-- > 0;) {
        if (static_cast<int>(axis) == turned) continue;
        const int64_t i = rest % sizes[axis];
        rest /= sizes[axis];
        from_offset += i * from_steps[axis];
        to_offset += i * to_steps[axis];
      }
      const T* const p = from + from_offset;
      T* const q = to + to_offset;
      if (turned >= 0) {
        copy_turned(std::min(height, rows - row), inner, p, from_step, q, row_step, to_step);
      } else if (from_step == 1 && to_step == 1) {
        std::copy(p, p + inner, q);
      } else {
        for (int64_t i = 0; i < inner; ++i) q[i * to_step] = p[i * from_step];
      }
    }
  });
}

}  // namespace transformlet::kernels
