// Vectors of the instruction set that a file is compiled for, by the compiler's own extension: the same source makes
// SSE2, AVX2, AVX-512 and NEON code.
#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
