#include "autograd/kernels/rotary.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/parallel.h"
#include "autograd/kernels/scratch.h"

namespace transformlet::kernels {
namespace {

template <class T>
void rotate(const RotaryProblem& p, const T* x, T* y) {
  const int64_t half = p.head_size / 2, turned = p.heads * p.head_size;
  // Cosines and sines of each row, in double: angles of thousands of radians would lose their fraction in float.
  Scratch<T> memory(2 * p.length * half);
  T *const cosines = memory.data(), *const sines = cosines + p.length * half;
  for (int64_t row = 0; row < p.length; ++row) {
    for (int64_t j = 0; j < half; ++j) {
      const double frequency = std::pow(p.base, -2.0 * static_cast<double>(j) / static_cast<double>(p.head_size));
      const double angle = static_cast<double>(p.offset + row) * frequency;
      cosines[row * half + j] = static_cast<T>(std::cos(angle));
      sines[row * half + j] = static_cast<T>(p.direction * std::sin(angle));
    }
  }
  for_rows(p.samples * p.length, 2 * p.width, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const T *const from = x + row * p.width, *const c = cosines + row % p.length * half,
                     *const s = sines + row % p.length * half;
      T* const to = y + row * p.width;
      for (int64_t head = 0; head < p.heads; ++head) {
        const T *const a = from + head * p.head_size, *const b = a + half;
        T *const u = to + head * p.head_size, *const v = u + half;
#pragma omp simd
        for (int64_t j = 0; j < half; ++j) {
          u[j] = a[j] * c[j] - b[j] * s[j];
          v[j] = b[j] * c[j] + a[j] * s[j];
        }
      }
      std::copy(from + turned, from + p.width, to + turned);
    }
  });
}

}  // namespace

template <>
const RotaryKernels<float> Levels<RotaryKernels<float>>::TRANSFORMLET_LEVEL = {rotate<float>};
template <>
const RotaryKernels<double> Levels<RotaryKernels<double>>::TRANSFORMLET_LEVEL = {rotate<double>};

}  // namespace transformlet::kernels
