// Errors in units in the last place.
#pragma once

#include <cmath>
#include <limits>

namespace transformlet {

// How far x is from the exact value, in units of the last place that a T near the exact value has. Where the exact
// value rounds to infinity, x must be it; NaN must be NaN: else the error is infinite.
template <class T>
double ulps(T x, long double exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(rounded) || std::isinf(rounded)) {
    const bool same = std::isnan(rounded) ? std::isnan(x) : x == rounded;
    return same ? 0.0 : INFINITY;
  }
  if (!std::isfinite(x)) return INFINITY;
  const int exponent = std::max(rounded == 0 ? -10000 : std::ilogb(rounded), std::numeric_limits<T>::min_exponent - 1);
  const long double unit = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits + 1);
  return static_cast<double>(std::abs(static_cast<long double>(x) - exact) / unit);
}

}  // namespace transformlet
