// Loops in parallel whose results don't depend on the number of threads: the work is cut at places that depend on its
// size alone, and no two parts write the same output.
#pragma once

#include <algorithm>
#include <cstdint>

#include "autograd/kernels/level.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

// Below about this many element operations a parallel region costs more than it saves (a barrier is a few
// microseconds).
constexpr int64_t serial_elements = 16384;

// Calls body(begin, end) over 0 ... n in pieces of `grain`.
template <class Body>
void for_ranges(int64_t n, int64_t grain, const Body& body) {
  const int64_t pieces = (n + grain - 1) / grain;
  if (pieces <= 1) {
    if (n > 0) body(int64_t{0}, n);
    return;
  }
#pragma omp parallel for schedule(static)
  for (int64_t piece = 0; piece < pieces; ++piece) body(piece * grain, std::min(n, (piece + 1) * grain));
}

// Calls body(begin, end) over rows that cost `row_elements` each.
template <class Body>
void for_rows(int64_t rows, int64_t row_elements, const Body& body) {
  for_ranges(rows, std::max<int64_t>(1, serial_elements / 2 / std::max<int64_t>(1, row_elements)), body);
}

// Calls body(begin, end) over single elements.
template <class Body>
void for_elements(int64_t n, const Body& body) {
  for_ranges(n, serial_elements, body);
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
