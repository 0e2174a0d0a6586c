// A large square product: what a machine can multiply at most.
#pragma once

#include <cmath>

#include "autograd/kernels/matmul.h"
#include "autograd/ops.h"
#include "bench/side_by_side.h"

namespace transformlet {

inline Tensor sine_values(const Shape& shape) {
  Tensor x = empty(shape, DType::float32);
  for (int64_t i = 0; i < x.size(); ++i)
    x.data<float>()[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
  return x;
}

inline void multiply_matrices(const Tensor& a, const Tensor& b, Tensor& c) {
  kernels::matmul<float>().product({.m = a.dim(0),
                                    .n = b.dim(1),
                                    .k = a.dim(1),
                                    .a = a.data<float>(),
                                    .lda = a.dim(1),
                                    .b = b.data<float>(),
                                    .ldb = b.dim(1),
                                    .c = c.data<float>(),
                                    .ldc = b.dim(1)});
}

// Times a kernel of so many multiplications against a product of 512 x 512 x 512.
template <class Kernel>
void against_product(benchmark::State& state, double multiplications, const Kernel& kernel) {
  constexpr int64_t large = 512;
  const Tensor a = sine_values({large, large}), b = sine_values({large, large});
  Tensor c = empty_like(a);
  const SideBySide times = time_side_by_side(state, kernel, [&] { multiply_matrices(a, b, c); });
  const double speed = 2e-9 * multiplications / times.subject;
  const double bound = 2e-9 * static_cast<double>(large * large * large) / times.yardstick;
  state.counters["GFLOP/s"] = speed;
  state.counters["bound_GFLOP/s"] = bound;
  state.counters["of_bound"] = speed / bound;
}

}  // namespace transformlet
