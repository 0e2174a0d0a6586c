// Functions that the compiler vectorises in loops over arrays.
#pragma once

#include <cmath>

#include "autograd/kernels/level.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

template <class T>
inline T vector_exp(T x) {
  return std::exp(x);
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
