// What the mask leaves of a tile of scores. For attention.cpp alone.
#pragma once

#include <algorithm>

#include "autograd/kernels/attention.h"
#include "autograd/kernels/level.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

struct Interval {
  int64_t begin, end;
};

// The mask of one sample and head.
class HeadMask {
 public:
  HeadMask(const AttentionProblem& p, int64_t sample, int64_t head)
      : mask_(p.mask),
        keys_(p.mask.lengths == nullptr ? p.keys : std::min(p.keys, p.mask.lengths[sample])),
        dense_(p.mask.dense == nullptr ? nullptr
                                       : p.mask.dense + sample * p.mask.dense_sample + head * p.mask.dense_head) {}

  // The keys that the interval rules leave to a query; empty ones have begin = end.
  Interval keys_of(int64_t query) const {
    Interval keys{0, keys_};
    const int64_t position = query + mask_.query_offset;
    if (mask_.causal) keys.end = std::min(keys.end, position + 1);
    if (mask_.window > 0) keys.begin = std::max<int64_t>(0, position - mask_.window + 1);
    keys.begin = std::min(keys.begin, keys.end);
    return keys;
  }
  // The keys that some query of [first, last) may attend to, as far as intervals tell.
  Interval keys_of(int64_t first, int64_t last) const { return {keys_of(first).begin, keys_of(last - 1).end}; }

  bool allows(int64_t query, int64_t key) const {
    const Interval keys = keys_of(query);
    return keys.begin <= key && key < keys.end && in_dense(query, key);
  }
  // Does some pair in the tile lie outside the mask?
  bool cuts(int64_t first, int64_t last, Interval tile) const {
    return dense_ != nullptr || keys_of(first).end < tile.end || keys_of(last - 1).begin > tile.begin;
  }
  bool in_dense(int64_t query, int64_t key) const {
    return dense_ == nullptr || dense_[query * mask_.dense_query + key * mask_.dense_key] != 0;
  }

 private:
  const AttentionMask& mask_;
  int64_t keys_;
  const uint8_t* dense_;
};

// A tile: queries [query, query + rows) and keys [key, key + columns), of one sample and head.
struct Tile {
  const HeadMask& mask;
  int64_t query, rows, key, columns;
  bool partial;

  bool allows(int64_t row, int64_t column) const { return mask.allows(query + row, key + column); }

  // Writes the value to every pair of x (rows, columns) that lies outside the mask.
  template <class T>
  void fill_outside(T* x, T value) const {
    if (!partial) return;
    for (int64_t row = 0; row < rows; ++row) {
      T* const to = x + row * columns;
      const Interval keys = mask.keys_of(query + row);
      const int64_t begin = std::clamp<int64_t>(keys.begin - key, 0, columns);
      const int64_t end = std::clamp<int64_t>(keys.end - key, begin, columns);
      std::fill(to, to + begin, value);
      std::fill(to + end, to + columns, value);
      for (int64_t i = begin; i < end; ++i) {
        if (!mask.in_dense(query + row, key + i)) to[i] = value;
      }
    }
  }
};

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
