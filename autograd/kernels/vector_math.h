// Exponentials and their kin without a branch or a call: the compiler vectorises them inside `#pragma omp simd` loops.
// Infinities, NaN, overflow and gradual underflow are as in the standard library, at full speed.
//
// Largest errors in units in the last place, with and without fused multiply-add: exp 0.95, tanh 1.5, erf 1.5, sigmoid
// 2.5. Of float's exp every number was tried, of the others a dense sample (tests/autograd/vector_math_test.cpp).
// The polynomials are minimax, by Remez' exchange: docs/vector_math_coefficients.py.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "autograd/kernels/vector.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

template <class T>
constexpr bool is_narrow = std::is_same_v<T, float>;

// The type of the elements of X, a number or a vector, and bits in the same places.
template <class X>
struct ElementsOf {
  using type = std::remove_cvref_t<decltype(X{}[0])>;
  typedef std::conditional_t<is_narrow<type>, uint32_t, uint64_t> Bits __attribute__((vector_size(sizeof(X))));
};
template <>
struct ElementsOf<float> {
  using type = float;
  using Bits = uint32_t;
};
template <>
struct ElementsOf<double> {
  using type = double;
  using Bits = uint64_t;
};

// coefficient + x * (next + x * (...))
template <class X, class... Rest>
[[gnu::always_inline]] inline X polynomial(X x, double coefficient, Rest... rest) {
  using T = typename ElementsOf<X>::type;
  if constexpr (sizeof...(rest) == 0) {
    return X{} + static_cast<T>(coefficient);
  } else {
    return static_cast<T>(coefficient) + x * polynomial(x, rest...);
  }
}

// exp(x) = 2^n exp(r), with n whole and r = x - n ln(2) no larger than ln(2) / 2. Of a vector, too.
template <class X>
[[gnu::always_inline]] inline X vector_exp(X x) {
  using T = typename ElementsOf<X>::type;
  using Bits = typename ElementsOf<X>::Bits;
  constexpr int fraction_bits = is_narrow<T> ? 23 : 52, bias = is_narrow<T> ? 127 : 1023;
  // A number of this size has no bits behind the point: adding it rounds to n, and leaves n + 2 bias in the last bits.
  constexpr T rounder = (is_narrow<T> ? T(0x1.8p23) : T(0x1.8p52)) + T(2 * bias);
  // Past these the result is 0 or infinite. -infinity (masks are full of it) must not get as far as an underflow:
  // that traps into microcode.
  constexpr T lowest = is_narrow<T> ? T(-104) : T(-746), highest = is_narrow<T> ? T(89) : T(710);
  // ln(2) in two parts, of which the first times n is exact (fdlibm, e_exp.c; Cephes, expf.c).
  constexpr T ln2_high = is_narrow<T> ? T(0x1.62e4p-1) : T(6.93147180369123816490e-01);
  constexpr T ln2_low = is_narrow<T> ? T(1.42860682030941723212e-6) : T(1.90821492927058770002e-10);

  X inside = x < lowest ? X{} : x;  // NaN stays
  inside = highest < inside ? X{} + highest : inside;
  const X sum = inside * T(1.44269504088896340736) + rounder;
  const X n = sum - rounder;
  const X r_high = inside - n * ln2_high, r_low = n * ln2_low, r = r_high - r_low;
  X q;
  if constexpr (is_narrow<T>) {
    q = polynomial(r, 4.99999934e-1, 1.66665206e-1, 4.16683876e-2, 8.36871674e-3, 1.38146271e-3);
  } else {
    q = polynomial(r, 5.0000000000000106e-1, 1.6666666666666413e-1, 4.1666666666530155e-2, 8.3333333334943991e-3,
                   1.3888888943631086e-3, 1.9841269506688846e-4, 2.4801493097828537e-5, 2.7557586290884421e-6,
                   2.7630248795880818e-7, 2.5000084425774371e-8);
  }
  // 2^n in two halves, each within range: the last multiplication alone rounds, overflows or underflows.
  const Bits bits = std::bit_cast<Bits>(sum), half = bits >> 1;
  const X first = std::bit_cast<X>(half << fraction_bits), second = std::bit_cast<X>((bits - half) << fraction_bits);
  const X result = (T(1) + (r_high + (r * r * q - r_low))) * first * second;  // not r, which is rounded
  return x < lowest ? X{} : result;
}

// 1 / (1 + exp(-x))
template <class T>
[[gnu::always_inline]] inline T vector_sigmoid(T x) {
  return T(1) / (T(1) + vector_exp(-x));
}

template <class T>
[[gnu::always_inline]] inline T vector_tanh(T x) {
  const T size = std::abs(x), z = x * x;
  T q;
  if constexpr (is_narrow<T>) {
    q = polynomial(z, -3.33333176e-1, 1.33325861e-1, -5.38523096e-2, 2.1071675e-2, -6.27423165e-3);
  } else {
    q = polynomial(z, -3.3333333333333298e-1, 1.333333333332662e-1, -5.3968253963760374e-2, 2.1869488385849935e-2,
                   -8.863232601357924e-3, 3.5920920297024284e-3, -1.455542841556799e-3, 5.8844447051936585e-4,
                   -2.3338152810935016e-4, 8.3316396627106659e-5, -1.9494657007081073e-5);
  }
  const T small = size + size * (z * q);
  const T large = T(1) - T(2) / (vector_exp(T(2) * size) + T(1));
  return std::copysign(size < T(0.55) ? small : large, x);
}

// exp(t^2) erfc(t) for t >= 0, with a small relative error to the far end. In u = (t - 3) / (t + 3) it is smooth
// (Shepherd and Laframboise 1981: Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x).
template <class T>
[[gnu::always_inline]] inline T scaled_erfc(T t) {
  const T inverse = T(1) / (t + T(3)), u = T(1) - T(6) * inverse;
  if constexpr (is_narrow<T>) {
    return inverse * polynomial(u, 1.0740069, -8.83394281e-1, 5.9022842e-1, -3.10471068e-1, 1.19528569e-1,
                                -2.68040974e-2, -1.22155786e-3, 2.97659443e-3, -5.20527949e-4, -2.12381361e-4,
                                7.30017744e-5);
  } else {
    return inverse *
           polynomial(u, 1.0740069070883397, -8.8339445316988364e-1, 5.902283571041065e-1, -3.1046726190056695e-1,
                      1.1952776128705905e-1, -2.6827234624484113e-2, -1.2124166227854317e-3, 3.0340620013488418e-3,
                      -5.48309734971494e-4, -2.7677784986018323e-4, 1.0756173407685094e-4, 3.0398199554161668e-5,
                      -1.7471463652325839e-5, -4.7494198791998744e-6, 2.7675436661442737e-6, 9.994953039301144e-7,
                      -4.1143638433204224e-7, -2.3461868019944745e-7, 4.9770679104543869e-8, 5.1723590193138177e-8,
                      -3.4886342052487558e-9, -8.9117924300040812e-9, -7.621431912558586e-12, 8.4922774960721935e-10);
  }
}

template <class T>
[[gnu::always_inline]] inline T vector_erf(T x) {
  const T size = std::abs(x), z = x * x;
  T q;
  if constexpr (is_narrow<T>) {
    q = polynomial(z, 1.28379166e-1, -3.76126258e-1, 1.12835852e-1, -2.68538118e-2, 5.18832732e-3, -8.01018925e-4,
                   7.85384405e-5);
  } else {
    q = polynomial(z, 1.2837916709551257e-1, -3.761263890318352e-1, 1.1283791670944184e-1, -2.6866170643111374e-2,
                   5.22397760611762e-3, -8.5483259292715757e-4, 1.2055293575585292e-4, -1.492471227639966e-5,
                   1.644713125315939e-6, -1.6206311317613116e-7, 1.3710969859773258e-8, -7.7794489132478242e-10);
  }
  const T small = size + size * q;
  const T large = T(1) - vector_exp(-z) * scaled_erfc(size);
  return std::copysign(size < T(1) ? small : large, x);
}

// The normal distribution's cumulative function, and exp(-x^2 / 2), which its density is a multiple of.
template <class T>
struct Normal {
  T below, density;
};
template <class T>
[[gnu::always_inline]] inline Normal<T> vector_normal(T x) {
  const T density = vector_exp(T(-0.5) * x * x);
  const T tail = T(0.5) * density * scaled_erfc(std::abs(x) * T(0.70710678118654752440));
  return {x > T(0) ? T(1) - tail : tail, density};
}

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
