// Loops, sums and maxima over the rows of a matrix, in whole vectors and one part. For kernel files. Rows may be short:
// GCC's own loops (omp simd) walk through what is left after the last vector one by one, and add up the lanes of a sum
// one by one, which takes longer than all the rest.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/vector.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

constexpr int64_t most_block_rows = 16;

// Calls body(first row, count) over blocks of up to `most_block_rows` rows in [first, last), which stay in the first
// cache together. A row's sum waits for its own additions; those of several rows, taken in turns, wait side by side.
template <class Body>
[[gnu::always_inline]] inline void for_row_blocks(int64_t first, int64_t last, int64_t columns, const Body& body) {
  const int64_t block = std::clamp<int64_t>(2048 / std::max<int64_t>(1, columns), 1, most_block_rows);
  for (int64_t row = first; row < last; row += block) body(row, std::min(block, last - row));
}

// Places in a row: a whole vector from element i on, or the `count` elements that are left at its end, fewer than a
// vector. Both read, write, and keep what lies in the row (the rest is 0): whatever is added up goes through keep().
template <class T>
struct VectorAt {
  int64_t i;
  Vector<T> operator()(const T* from) const { return load(from + i); }
  void put(const Vector<T>& x, T* to) const { store(x, to + i); }
  Vector<T> keep(const Vector<T>& x) const { return x; }
};
template <class T>
struct PartAt {
  int64_t i, count;
  Vector<T> operator()(const T* from) const { return load_part(from + i, count); }
  void put(const Vector<T>& x, T* to) const { store_part(x, to + i, count); }
  Vector<T> keep(const Vector<T>& x) const { return select(x, Vector<T>{}); }
  // x in the row, y beyond.
  Vector<T> select(const Vector<T>& x, const Vector<T>& y) const {
    return lane_numbers<T>() < static_cast<LaneIndex<T>>(count) ? x : y;
  }
};

// Calls body(place) over a row of n.
template <class T, class Body>
[[gnu::always_inline]] inline void for_places(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) body(VectorAt<T>{i});
  if (i < n) body(PartAt<T>{i, n - i});
}

// Calls body(place, sums), which says sums[k] += place.keep(...), over the elements [i, end) of a row. What they add up
// to is added to `totals`.
template <class T, int count, class Body>
[[gnu::always_inline]] inline void add_sums(int64_t i, int64_t end, T (&totals)[count], const Body& body) {
  Vector<T> even[count] = {}, odd[count] = {};  // two chains of additions
  for (; i + 2 * lanes<T> <= end; i += 2 * lanes<T>) {
    body(VectorAt<T>{i}, even);
    body(VectorAt<T>{i + lanes<T>}, odd);
  }
  if (i + lanes<T> <= end) {
    body(VectorAt<T>{i}, even);
    i += lanes<T>;
  }
  if (i < end) body(PartAt<T>{i, end - i}, odd);
  for (int k = 0; k < count; ++k) totals[k] += sum_of_lanes<T>(even[k] + odd[k]);
}

// The sum of term(place) over a row of n. Long rows are cut into pieces that are added up in double.
template <class T, class Term>
[[gnu::always_inline]] inline T sum_of(int64_t n, const Term& term) {
  constexpr int64_t piece = 1024;
  const auto part = [=](int64_t begin, int64_t end) {
    T total[1] = {};
    add_sums<T>(begin, end, total, [=](const auto& at, auto* sums) { sums[0] += at.keep(term(at)); });
    return total[0];
  };
  if (n <= piece) return part(0, n);
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += piece) {
    sum += static_cast<double>(part(begin, std::min(n, begin + piece)));
  }
  return static_cast<T>(sum);
}

template <class T>
[[gnu::always_inline]] inline T largest(int64_t n, const T* x) {
  Vector<T> even = broadcast(x[0]), odd = even;
  int64_t i = 0;
  for (; i + 2 * lanes<T> <= n; i += 2 * lanes<T>) {
    even = larger(load(x + i), even);
    odd = larger(load(x + i + lanes<T>), odd);
  }
  if (i + lanes<T> <= n) {
    even = larger(load(x + i), even);
    i += lanes<T>;
  }
  if (i < n) {
    const PartAt<T> part{i, n - i};
    odd = larger(part.select(part(x), odd), odd);
  }
  return combine_lanes<T>(larger(even, odd), [](const auto& a, const auto& b) { return larger(a, b); });
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
