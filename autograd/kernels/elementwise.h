// Functions applied element by element, with broadcasting. The function is a template argument, so each loop is
// inlined.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {

// y[i] = function(x[i])
template <class T, class Function>
void map(int64_t n, const T* x, T* y, const Function& function) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = function(x[i]);
  });
}

// y[i] += x[i]
template <class T>
void add_into(int64_t n, const T* x, T* y) {
  for_elements(n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] += x[i];
  });
}

// How N operands line up with an output: its sizes, and for each operand the step along each axis (0: broadcast). Axes
// that every operand walks through evenly are merged, so equal shapes become one axis.
template <size_t N>
struct Broadcast {
  int rank = 0;
  std::array<int64_t, 8> sizes{};
  std::array<std::array<int64_t, 8>, N> steps{};

  Broadcast(std::span<const int64_t> output, const std::array<std::span<const int64_t>, N>& operands) {
    std::array<int64_t, N> stride;
    stride.fill(1);
    // From the last axis to the first, collected in reverse and turned round at the end.
    for (size_t back = 1; back <= output.size(); ++back) {
      const int64_t size = output[output.size() - back];
      std::array<int64_t, N> step;
      for (size_t k = 0; k < N; ++k) {
        const int64_t own = back <= operands[k].size() ? operands[k][operands[k].size() - back] : 1;
        step[k] = own == 1 ? 0 : stride[k];
        stride[k] *= own;
      }
      if (size == 1) continue;
      bool merges = rank > 0;
      for (size_t k = 0; k < N && merges; ++k) {
        merges = step[k] == steps[k][static_cast<size_t>(rank - 1)] * sizes[static_cast<size_t>(rank - 1)];
      }
      if (merges) {
        sizes[static_cast<size_t>(rank - 1)] *= size;
        continue;
      }
      sizes[static_cast<size_t>(rank)] = size;
      for (size_t k = 0; k < N; ++k) steps[k][static_cast<size_t>(rank)] = step[k];
      ++rank;
    }
    if (rank == 0) {
      sizes[0] = 1;
      rank = 1;
    }
    std::reverse(sizes.begin(), sizes.begin() + rank);
    for (auto& step : steps) std::reverse(step.begin(), step.begin() + rank);
  }

  int64_t inner() const { return sizes[static_cast<size_t>(rank - 1)]; }
  int64_t outer() const {
    int64_t product = 1;
    for (int axis = 0; axis + 1 < rank; ++axis) product *= sizes[static_cast<size_t>(axis)];
    return product;
  }
  int64_t inner_step(size_t k) const { return steps[k][static_cast<size_t>(rank - 1)]; }
  // Where operand k starts in the given outer row.
  int64_t offset(size_t k, int64_t row) const {
    int64_t result = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      result += row % sizes[a] * steps[k][a];
      row /= sizes[a];
    }
    return result;
  }
};

// Calls body(row, begin, end) over the outer rows and pieces of the inner axis.
template <size_t N, class Body>
void for_broadcast(const Broadcast<N>& plan, const Body& body) {
  const int64_t outer = plan.outer(), inner = plan.inner();
  if (outer == 1) {
    for_elements(inner, [&](int64_t begin, int64_t end) { body(int64_t{0}, begin, end); });
    return;
  }
  for_rows(outer, inner, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) body(row, int64_t{0}, inner);
  });
}

// y = function(a, b), broadcast
template <class T, class Function>
void map(const Broadcast<2>& plan, const T* a, const T* b, T* y, const Function& function) {
  const int64_t a_step = plan.inner_step(0), b_step = plan.inner_step(1), inner = plan.inner();
  for_broadcast(plan, [&](int64_t row, int64_t begin, int64_t end) {
    const T* const p = a + plan.offset(0, row);
    const T* const q = b + plan.offset(1, row);
    T* const out = y + row * inner;
    if (a_step == 1 && b_step == 1) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) out[i] = function(p[i], q[i]);
    } else if (a_step == 1) {
      const T constant = *q;
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) out[i] = function(p[i], constant);
    } else if (b_step == 1) {
      const T constant = *p;
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) out[i] = function(constant, q[i]);
    } else {
      std::fill(out + begin, out + end, function(*p, *q));
    }
  });
}

// Calls function with a step of 0 or 1 as a constant of the type: a loop over known steps is vectorised.
template <class Function>
void with_step(int64_t step, const Function& function) {
  if (step == 0) return function(std::integral_constant<int64_t, 0>());
  function(std::integral_constant<int64_t, 1>());
}

// y = condition != 0 ? a : b, broadcast
template <class T>
void select(const Broadcast<3>& plan, const T* condition, const T* a, const T* b, T* y) {
  const int64_t inner = plan.inner();
  with_step(plan.inner_step(0), [&](auto c_step) {
    with_step(plan.inner_step(1), [&](auto a_step) {
      with_step(plan.inner_step(2), [&](auto b_step) {
        for_broadcast(plan, [&](int64_t row, int64_t begin, int64_t end) {
          const T* const c = condition + plan.offset(0, row);
          const T* const p = a + plan.offset(1, row);
          const T* const q = b + plan.offset(2, row);
          T* const out = y + row * inner;
#pragma omp simd
          for (int64_t i = begin; i < end; ++i) {
            const T of_a = p[i * a_step], of_b = q[i * b_step];  // both are read: a branch would not be vectorised
            out[i] = c[i * c_step] != T(0) ? of_a : of_b;
          }
        });
      });
    });
  });
}

}  // namespace transformlet::kernels
