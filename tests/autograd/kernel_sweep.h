// Sweeps of kernels over odd sizes, on every instruction set, against plain loops in double.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/kernels/level.h"

namespace transformlet {

// Around the lengths of vectors, so that every tail comes up.
inline const std::vector<int64_t> sweep_columns = {1, 3, 7, 15, 16, 17, 31, 33, 63, 65, 127};
inline const std::vector<int64_t> sweep_rows = {1, 3, 17};

// Values of size 1, a function of the seed.
template <class T>
std::vector<T> sweep_values(int64_t count, double seed) {
  std::vector<T> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(2 * std::sin(seed + 1.7 * double(i)));
  return values;
}

// A few hundred roundings of numbers of size 1.
template <class T>
constexpr double sweep_tolerance = 400 * std::numeric_limits<T>::epsilon();

// `expected(i)` is what actual[i] should be, in double.
template <class T, class Expected>
void expect_near(const char* what, const std::vector<T>& actual, const Expected& expected) {
  for (size_t i = 0; i < actual.size(); ++i) {
    const double value = expected(static_cast<int64_t>(i));
    ASSERT_NEAR(double(actual[i]), value, sweep_tolerance<T> * std::max(1.0, std::abs(value))) << what << " at " << i;
  }
}

// Calls body(rows, columns) for every level and size.
template <class Body>
void for_sweep(const Body& body) {
  const kernels::Level before = kernels::level();
  for (const kernels::Level level : kernels::available_levels()) {
    kernels::use_level(level);
    for (const int64_t rows : sweep_rows) {
      for (const int64_t columns : sweep_columns) {
        SCOPED_TRACE(kernels::name_of(level) + ", " + std::to_string(rows) + " x " + std::to_string(columns));
        body(rows, columns);
      }
    }
  }
  kernels::use_level(before);
}

}  // namespace transformlet
