// Sums and maxima over the rows of a matrix, for kernel files. `omp simd reduction` would do for their loops, but GCC
// then adds up the lanes of a vector one after the other, which takes longer than a short row.
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

// Places in a row: a vector from element i on; the row's last vector, of which only the lanes from `first_kept` on are
// new; one element. Each reads, writes, and keeps what is new of a vector (the rest is 0): whatever is added up goes
// through keep().
template <class T>
struct VectorAt {
  int64_t i;
  Vector<T> operator()(const T* from) const { return load(from + i); }
  void put(const Vector<T>& x, T* to) const { store(x, to + i); }
  Vector<T> keep(const Vector<T>& x) const { return x; }
};
template <class T>
struct LastVectorAt {
  int64_t i;
  Vector<LaneIndex<T>> first_kept;
  Vector<T> operator()(const T* from) const { return load(from + i); }
  void put(const Vector<T>& x, T* to) const { store(x, to + i); }
  Vector<T> keep(const Vector<T>& x) const { return lane_numbers<T>() >= first_kept ? x : Vector<T>{}; }
};
template <class T>
struct ElementAt {
  int64_t i;
  T operator()(const T* from) const { return from[i]; }
  void put(T x, T* to) const { to[i] = x; }
  T keep(T x) const { return x; }
};

// Calls body(place, sums), which says sums[k] += place.keep(...), over the elements [i, end) of a row. What they add up
// to is added to `totals`.
template <class T, int count, class Body>
[[gnu::always_inline]] inline void add_sums(int64_t i, int64_t end, T (&totals)[count], const Body& body) {
  if (end - i < lanes<T>) {
    for (; i < end; ++i) body(ElementAt<T>{i}, totals);
    return;
  }
  Vector<T> even[count] = {}, odd[count] = {};  // two chains of additions
  for (; i + 2 * lanes<T> <= end; i += 2 * lanes<T>) {
    body(VectorAt<T>{i}, even);
    body(VectorAt<T>{i + lanes<T>}, odd);
  }
  if (i + lanes<T> <= end) {
    body(VectorAt<T>{i}, even);
    i += lanes<T>;
  }
  if (i < end) {
    const auto known = static_cast<LaneIndex<T>>(lanes<T> - (end - i));
    body(LastVectorAt<T>{end - lanes<T>, broadcast(known)}, odd);
  }
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
  T result = x[0];
  if (n < lanes<T>) {
    for (int64_t i = 1; i < n; ++i) result = x[i] > result ? x[i] : result;
    return result;
  }
  Vector<T> even = load(x), odd = load(x + n - lanes<T>);
  int64_t i = lanes<T>;
  for (; i + 2 * lanes<T> <= n; i += 2 * lanes<T>) {
    const Vector<T> a = load(x + i), b = load(x + i + lanes<T>);
    even = a > even ? a : even;
    odd = b > odd ? b : odd;
  }
  for (; i + lanes<T> <= n; i += lanes<T>) {
    const Vector<T> a = load(x + i);
    even = a > even ? a : even;
  }
  return largest_of_lanes<T>(even > odd ? even : odd);
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
