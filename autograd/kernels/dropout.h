// Dropout masks, computed where they are used: a function of a key and of the element's place, never stored.
#pragma once

#include <array>
#include <cstdint>

#include "autograd/kernels/level.h"
#include "autograd/kernels/parallel.h"
#include "base/random.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

// The mask of an array (samples, rows, columns): element (s, r, c) is word c % 4 of philox(key; c / 4, r, s).
class DropoutMask {
 public:
  DropoutMask(double probability, RandomKey key, int64_t first_sample)
      : key_(key),
        first_sample_(first_sample),
        threshold_(static_cast<uint64_t>(probability * 0x1p32)),
        scale_(1.0 / (1.0 - probability)) {}

  // y[i] = x[i] * scale where kept, else 0, for the columns [begin, begin + count) of a row. y may be x.
  template <class T>
  void apply(int64_t sample, int64_t row, int64_t begin, int64_t count, const T* x, T* y) const {
    const T scale = static_cast<T>(scale_);
    std::array<uint32_t, 4> words{};
    for (int64_t i = 0; i < count; ++i) {
      const int64_t column = begin + i;
      if (i == 0 || column % 4 == 0) {
        words = philox(key_, {static_cast<uint32_t>(column / 4), static_cast<uint32_t>(row),
                              static_cast<uint32_t>(row >> 32), static_cast<uint32_t>(first_sample_ + sample)});
      }
      y[i] = words[static_cast<size_t>(column % 4)] >= threshold_ ? x[i] * scale : T(0);
    }
  }

 private:
  RandomKey key_;
  int64_t first_sample_;
  uint64_t threshold_;  // words below it are dropped
  double scale_;
};

template <class T>
void dropout(int64_t samples, int64_t rows, int64_t columns, const T* x, const DropoutMask& mask, T* y) {
  for_rows(samples * rows, 8 * columns, [=, &mask](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      mask.apply(i / rows, i % rows, 0, columns, x + i * columns, y + i * columns);
    }
  });
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
