// Dropout masks, computed where they are used: a function of a key and of the element's place, never stored.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/level.h"
#include "base/random.h"

namespace transformlet::kernels {

template <class T>
struct DropoutKernels {
  // y = x * mask / (1 - probability), over an array (samples, rows, columns); see DropoutMask.
  void (*dropout)(int64_t samples, int64_t rows, int64_t columns, const T* x, double probability, RandomKey key,
                  int64_t first_sample, T* y);
};

template <class T>
const DropoutKernels<T>& dropout() {
  return best<DropoutKernels<T>>();
}

}  // namespace transformlet::kernels

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

// philox() (base/random.h) at the counters {first + i, row, row >> 32, sample} for i below `count`, at most `most`;
// word w of each stands in words[w]. Loops over counters, so that the compiler vectorises them.
struct PhiloxBlock {
  static constexpr int most = 32;
  uint32_t words[4][most];

  void fill(RandomKey key, uint32_t first, int64_t row, uint32_t sample, int count) {
    for (int i = 0; i < count; ++i) {
      words[0][i] = first + static_cast<uint32_t>(i);
      words[1][i] = static_cast<uint32_t>(row);
      words[2][i] = static_cast<uint32_t>(row >> 32);
      words[3][i] = sample;
    }
    uint32_t key0 = static_cast<uint32_t>(key.value()), key1 = static_cast<uint32_t>(key.value() >> 32);
    for (int round = 0; round < 10; ++round) {
#pragma omp simd
      for (int i = 0; i < count; ++i) {
        const uint64_t product0 = uint64_t{0xD2511F53} * words[0][i], product1 = uint64_t{0xCD9E8D57} * words[2][i];
        words[0][i] = static_cast<uint32_t>(product1 >> 32) ^ words[1][i] ^ key0;
        words[1][i] = static_cast<uint32_t>(product1);
        words[2][i] = static_cast<uint32_t>(product0 >> 32) ^ words[3][i] ^ key1;
        words[3][i] = static_cast<uint32_t>(product0);
      }
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
  }
};

// The mask of an array (samples, rows, columns): element (s, r, c) is word c % 4 of philox(key; c / 4, r, s).
class DropoutMask {
 public:
  DropoutMask(double probability, RandomKey key, int64_t first_sample)
      : key_(key),
        first_sample_(first_sample),
        threshold_(static_cast<uint32_t>(probability * 0x1p32)),
        scale_(1.0 / (1.0 - probability)) {}

  // y[i] = x[i] * scale where kept, else 0, for the columns [begin, begin + count) of a row. y may be x.
  template <class T>
  void apply(int64_t sample, int64_t row, int64_t begin, int64_t count, const T* x, T* y) const {
    const T scale = static_cast<T>(scale_);
    PhiloxBlock block;
    uint32_t in_order[4 * PhiloxBlock::most];
    const int64_t end = begin + count;
    for (int64_t column = begin; column < end;) {
      const int64_t first = column / 4, counters = std::min<int64_t>(PhiloxBlock::most, (end + 3) / 4 - first);
      block.fill(key_, static_cast<uint32_t>(first), row, static_cast<uint32_t>(first_sample_ + sample),
                 static_cast<int>(counters));
      for (int64_t i = 0; i < counters; ++i) {
        for (int64_t word = 0; word < 4; ++word) in_order[4 * i + word] = block.words[word][i];
      }
      const int64_t stop = std::min(end, 4 * (first + counters));
      const uint32_t* const words = in_order + (column - 4 * first);
      const T* const from = x + (column - begin);
      T* const to = y + (column - begin);
#pragma omp simd
      for (int64_t i = 0; i < stop - column; ++i) {
        const T kept = from[i] * scale;
        to[i] = words[i] >= threshold_ ? kept : T(0);
      }
      column = stop;
    }
  }

 private:
  RandomKey key_;
  int64_t first_sample_;
  uint32_t threshold_;  // words below it are dropped
  double scale_;
};

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
