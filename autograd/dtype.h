// float32 runs, float64 proves: the dtype is a tag at run time over kernels that are templates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace transformlet {

enum class DType : uint8_t { float32, float64 };

inline size_t size_of(DType dtype) { return dtype == DType::float32 ? sizeof(float) : sizeof(double); }
inline const char* name_of(DType dtype) { return dtype == DType::float32 ? "float32" : "float64"; }

template <class T>
constexpr DType dtype_of = std::is_same_v<T, float> ? DType::float32 : DType::float64;

// Calls function.operator()<float>() or <double>().
template <class Function>
decltype(auto) with_dtype(DType dtype, Function&& function) {
  if (dtype == DType::float32) return std::forward<Function>(function).template operator()<float>();
  return std::forward<Function>(function).template operator()<double>();
}

}  // namespace transformlet
