// Arithmetic on arrays that broadcast.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "autograd/kernels/level.h"

namespace transformlet::kernels {

// How N operands line up with an output: its sizes, and for each operand the step along each axis (0: broadcast). Axes
// that every operand walks through evenly are merged, so equal shapes become one axis.
template <size_t N>
struct Broadcast {
  static constexpr int max_rank = 8;

  int rank = 0;  // at least 1
  std::array<int64_t, max_rank> sizes{};
  std::array<std::array<int64_t, N>, max_rank> steps{};  // steps[axis][operand]

  Broadcast(std::span<const int64_t> output, const std::array<std::span<const int64_t>, N>& operands);
  // Where an operand's part of the output's i-th element lies.
  int64_t place(size_t operand, int64_t i) const;
};

template <class T>
struct ArithmeticKernels {
  using Binary = void(const Broadcast<2>& plan, const T* a, const T* b, T* y);
  Binary *add, *subtract, *multiply, *divide;
  Binary* greater;  // 1 where a > b, else 0
  Binary* maximum;  // a NaN on either side gives NaN
  // y = condition != 0 ? a : b
  void (*select)(const Broadcast<3>& plan, const T* condition, const T* a, const T* b, T* y);
};

template <class T>
const ArithmeticKernels<T>& arithmetic() {
  return best<ArithmeticKernels<T>>();
}

}  // namespace transformlet::kernels
