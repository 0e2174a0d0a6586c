// Vectors of the instruction set that a file is compiled for, by the compiler's own extension: the same source makes
// SSE2, AVX2, AVX-512 and NEON code.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "autograd/kernels/level.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, vector_registers = 32;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32, vector_registers = 16;
#elif defined(__aarch64__)
constexpr int vector_bytes = 16, vector_registers = 32;
#else
constexpr int vector_bytes = 16, vector_registers = 16;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

// From and to any address.
template <class T>
inline Vector<T> load(const T* from) {
  Vector<T> x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}
template <class T>
inline void store(const Vector<T>& x, T* to) {
  std::memcpy(to, &x, sizeof(x));
}
template <class T>
inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // not value + 0: that would turn -0 into 0
}

// Hides from the compiler how x was made. Of a * b + c * d it would fuse one product or the other into a multiply-add,
// in one place this and in another that, and the bits would differ.
template <class V>
inline void settle(V& x) {
#if defined(__x86_64__)
  asm("" : "+v"(x));
#elif defined(__aarch64__)
  asm("" : "+w"(x));
#endif
}

// 0, 1, 2 ... in whole numbers of the elements' size.
template <class T>
using LaneIndex = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
template <class T>
inline Vector<LaneIndex<T>> lane_numbers() {
  Vector<LaneIndex<T>> numbers;
#pragma GCC unroll 16
  for (int i = 0; i < lanes<T>; ++i) numbers[i] = i;
  return numbers;
}

// The first `count` lanes, fewer than all, from and to memory; beyond them load_part() gives 0.
template <class T>
inline Vector<T> load_part(const T* from, int64_t count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return Vector<T>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from));
  } else {
    return Vector<T>(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from));
  }
#elif defined(__AVX2__)
  const auto mask = __m256i(lane_numbers<T>() < static_cast<LaneIndex<T>>(count));
  if constexpr (sizeof(T) == 4) {
    return Vector<T>(_mm256_maskload_ps(from, mask));
  } else {
    return Vector<T>(_mm256_maskload_pd(from, mask));
  }
#else
  Vector<T> x{};
  for (int64_t i = 0; i < count; ++i) x[i] = from[i];
  return x;
#endif
}
template <class T>
inline void store_part(const Vector<T>& x, T* to, int64_t count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), __m512(x));
  } else {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), __m512d(x));
  }
#elif defined(__AVX2__)
  const auto mask = __m256i(lane_numbers<T>() < static_cast<LaneIndex<T>>(count));
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_ps(to, mask, __m256(x));
  } else {
    _mm256_maskstore_pd(to, mask, __m256d(x));
  }
#else
  for (int64_t i = 0; i < count; ++i) to[i] = x[i];
#endif
}

// The lanes combined into one number, in halves: lane i with lane i ^ half.
template <class T, class Combine>
inline T combine_lanes(Vector<T> x, const Combine& combine) {
#pragma GCC unroll 4
  for (int half = lanes<T> / 2; half >= 1; half /= 2) {
    x = combine(x, __builtin_shuffle(x, lane_numbers<T>() ^ static_cast<LaneIndex<T>>(half)));
  }
  return x[0];
}
template <class T>
inline T sum_of_lanes(const Vector<T>& x) {
  return combine_lanes<T>(x, [](const Vector<T>& a, const Vector<T>& b) { return a + b; });
}
template <class X>
inline X larger(const X& a, const X& b) {
  return a > b ? a : b;
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
