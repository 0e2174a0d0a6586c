#include "autograd/kernels/arithmetic.h"

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {
namespace {

// Where each operand starts in an outer row, kept up to date from row to row without divisions.
template <size_t N>
class Offsets {
 public:
  Offsets(const Broadcast<N>& plan, int64_t row) : plan_(plan), axes_(static_cast<size_t>(plan.rank) - 1) {
    for (size_t axis = axes_; axis-- > 0;) {
      place_[axis] = row % plan.sizes[axis];
      row /= plan.sizes[axis];
      for (size_t k = 0; k < N; ++k) offsets_[k] += place_[axis] * plan.steps[axis][k];
    }
  }
  int64_t operator[](size_t k) const { return offsets_[k]; }
  void next() {
    for (size_t axis = axes_; axis-- > 0;) {
      for (size_t k = 0; k < N; ++k) offsets_[k] += plan_.steps[axis][k];
      if (++place_[axis] < plan_.sizes[axis]) return;
      for (size_t k = 0; k < N; ++k) offsets_[k] -= plan_.sizes[axis] * plan_.steps[axis][k];
      place_[axis] = 0;
    }
  }

 private:
  const Broadcast<N>& plan_;
  size_t axes_;  // but the innermost
  int64_t place_[Broadcast<N>::max_rank] = {};
  int64_t offsets_[N] = {};
};

// Calls body(offsets, output offset, count) for runs along the innermost axis.
template <size_t N, class Body>
[[gnu::always_inline]] inline void for_runs(const Broadcast<N>& plan, const Body& body) {
  const int64_t inner = plan.sizes[static_cast<size_t>(plan.rank) - 1];
  int64_t outer = 1;
  for (size_t axis = 0; axis + 1 < static_cast<size_t>(plan.rank); ++axis) outer *= plan.sizes[axis];
  if (outer == 1) {
    const auto& steps = plan.steps[static_cast<size_t>(plan.rank) - 1];
    for_elements(inner, [&](int64_t begin, int64_t end) {
      int64_t offsets[N];
      for (size_t k = 0; k < N; ++k) offsets[k] = begin * steps[k];
      body(offsets, begin, end - begin);
    });
    return;
  }
  for_rows(outer, inner, [&](int64_t first, int64_t last) {
    Offsets<N> offsets(plan, first);
    for (int64_t row = first; row < last; ++row) {
      body(offsets, row * inner, inner);
      offsets.next();
    }
  });
}

struct Add {
  template <class T>
  static T of(T a, T b) {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  static T of(T a, T b) {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  static T of(T a, T b) {
    return a * b;
  }
};
struct Divide {
  template <class T>
  static T of(T a, T b) {
    return a / b;
  }
};
struct Greater {
  template <class T>
  static T of(T a, T b) {
    return a > b ? T(1) : T(0);
  }
};
struct Maximum {
  template <class T>
  static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

// Runs are compiled for known steps, 0 or 1 (others would not be vectorised), and apart from the walk over the rows,
// which is compiled once.

template <class T>
using BinaryRun = void (*)(int64_t count, const T* a, const T* b, T* y);

template <class Operation, class T, int a_step, int b_step>
void binary_run(int64_t count, const T* a, const T* b, T* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = Operation::of(a[i * a_step], b[i * b_step]);
}

template <class T>
[[gnu::noinline]] void walk(const Broadcast<2>& plan, const T* a, const T* b, T* y, BinaryRun<T> run) {
  for_runs(plan,
           [=](const auto& offsets, int64_t to, int64_t count) { run(count, a + offsets[0], b + offsets[1], y + to); });
}

template <class Operation, class T>
void binary(const Broadcast<2>& plan, const T* a, const T* b, T* y) {
  static constexpr BinaryRun<T> runs[] = {binary_run<Operation, T, 0, 0>, binary_run<Operation, T, 0, 1>,
                                          binary_run<Operation, T, 1, 0>, binary_run<Operation, T, 1, 1>};
  const auto& steps = plan.steps[static_cast<size_t>(plan.rank) - 1];
  walk(plan, a, b, y, runs[2 * steps[0] + steps[1]]);
}

template <class T, int c_step, int a_step, int b_step>
void select_run(int64_t count, const T* condition, const T* a, const T* b, T* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const T of_a = a[i * a_step], of_b = b[i * b_step];  // both are read: a branch would not be vectorised
    y[i] = condition[i * c_step] != T(0) ? of_a : of_b;
  }
}

template <class T>
void select(const Broadcast<3>& plan, const T* condition, const T* a, const T* b, T* y) {
  static constexpr void (*runs[])(int64_t, const T*, const T*, const T*, T*) = {
      select_run<T, 0, 0, 0>, select_run<T, 0, 0, 1>, select_run<T, 0, 1, 0>, select_run<T, 0, 1, 1>,
      select_run<T, 1, 0, 0>, select_run<T, 1, 0, 1>, select_run<T, 1, 1, 0>, select_run<T, 1, 1, 1>};
  const auto& steps = plan.steps[static_cast<size_t>(plan.rank) - 1];
  const auto run = runs[4 * steps[0] + 2 * steps[1] + steps[2]];
  for_runs(plan, [=](const auto& offsets, int64_t to, int64_t count) {
    run(count, condition + offsets[0], a + offsets[1], b + offsets[2], y + to);
  });
}

template <class T>
constexpr ArithmeticKernels<T> table = {.add = binary<Add, T>,
                                        .subtract = binary<Subtract, T>,
                                        .multiply = binary<Multiply, T>,
                                        .divide = binary<Divide, T>,
                                        .greater = binary<Greater, T>,
                                        .maximum = binary<Maximum, T>,
                                        .select = select<T>};

}  // namespace

template <>
const ArithmeticKernels<float> Levels<ArithmeticKernels<float>>::TRANSFORMLET_LEVEL = table<float>;
template <>
const ArithmeticKernels<double> Levels<ArithmeticKernels<double>>::TRANSFORMLET_LEVEL = table<double>;

}  // namespace transformlet::kernels
