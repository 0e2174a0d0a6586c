// The vectorised functions on every instruction set, against the standard library's in a wider type. The bounds are
// those that vector_math.h states.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "autograd/kernels/functions.h"
#include "base/random.h"
#include "tests/autograd/ulp.h"

namespace transformlet {
namespace {

using kernels::FunctionKernels;
using kernels::Level;

class VectorMathTest : public testing::TestWithParam<Level> {
 protected:
  void SetUp() override { kernels::use_level(GetParam()); }
  void TearDown() override { kernels::use_level(before_); }

 private:
  const Level before_ = kernels::level();
};

// Floats evenly among all bit patterns, so denormals, infinities and NaN take their part. The step is odd, so every
// tail of a mantissa comes up.
const std::vector<float>& many_floats() {
  static const std::vector<float> values = [] {
    std::vector<float> list;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 4999) list.push_back(std::bit_cast<float>(uint32_t(bits)));
    return list;
  }();
  return values;
}

// Doubles of every size up to 750, of both signs, most of them where something happens.
const std::vector<double>& many_doubles() {
  static const std::vector<double> values = [] {
    std::vector<double> list;
    RandomStream stream(RandomKey(3));
    for (int i = 0; i < 40000; ++i) list.push_back(20 * (stream.uniform() - 0.5));
    for (int i = 0; i < 40000; ++i) list.push_back(1500 * (stream.uniform() - 0.5));
    for (int i = 0; i < 20000; ++i) {
      const double sign = stream.below(2) == 0 ? 1 : -1;
      list.push_back(sign * std::exp2(-40 + 42 * stream.uniform()));
    }
    return list;
  }();
  return values;
}

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> list;
  for (const T size : {T(0),
                       Limits::denorm_min(),
                       3 * Limits::denorm_min(),
                       Limits::min() / 2,
                       Limits::min(),
                       T(1e-30),
                       Limits::epsilon(),
                       T(0.5),
                       T(0.55),
                       T(1),
                       T(10),
                       T(87.5),
                       T(88.5),
                       T(88.8),
                       T(103),
                       T(103.9),
                       T(104.1),
                       T(708),
                       T(709.5),
                       T(710.1),
                       T(745),
                       T(746.1),
                       T(1e30),
                       Limits::max(),
                       Limits::infinity(),
                       Limits::quiet_NaN()}) {
    list.push_back(size);
    list.push_back(-size);
  }
  return list;
}

// The largest error over the values, of which one is named in the message.
template <class T>
double largest_error(typename FunctionKernels<T>::Function* function, long double (*exact)(long double),
                     const std::vector<T>& values) {
  std::vector<T> results(values.size());
  function(static_cast<int64_t>(values.size()), values.data(), results.data());
  double largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double error = ulps(results[i], exact(static_cast<long double>(values[i])));
    if (error > largest) {
      largest = error;
      if (std::isinf(error)) ADD_FAILURE() << "of " << values[i] << ": " << results[i];
    }
  }
  return largest;
}

long double exact_exp(long double x) { return std::exp(x); }
long double exact_tanh(long double x) { return std::tanh(x); }
long double exact_erf(long double x) { return std::erf(x); }
long double exact_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
// The same for float, in double: exact enough, and ten times faster.
long double near_exp(long double x) { return std::exp(static_cast<double>(x)); }
long double near_tanh(long double x) { return std::tanh(static_cast<double>(x)); }
long double near_erf(long double x) { return std::erf(static_cast<double>(x)); }

TEST_P(VectorMathTest, FloatsWithinTheirBounds) {
  const auto& table = kernels::functions<float>();
  EXPECT_LT(largest_error<float>(table.exp, near_exp, many_floats()), 0.95);
  EXPECT_LT(largest_error<float>(table.tanh, near_tanh, many_floats()), 1.5);
  EXPECT_LT(largest_error<float>(table.erf, near_erf, many_floats()), 1.5);
}

TEST_P(VectorMathTest, DoublesWithinTheirBounds) {
  const auto& table = kernels::functions<double>();
  EXPECT_LT(largest_error<double>(table.exp, exact_exp, many_doubles()), 0.95);
  EXPECT_LT(largest_error<double>(table.tanh, exact_tanh, many_doubles()), 1.5);
  EXPECT_LT(largest_error<double>(table.erf, exact_erf, many_doubles()), 1.5);
}

// Where exp(-x) overflows, so would the textbook formula: the result is 0, less than the smallest normal number away.
TEST_P(VectorMathTest, SigmoidWithinItsBounds) {
  const auto inside = [](auto values, double lowest) {
    std::erase_if(values, [=](auto x) { return x < lowest; });
    return values;
  };
  EXPECT_LT(largest_error<float>(kernels::functions<float>().sigmoid, exact_sigmoid, inside(many_floats(), -88.7)),
            2.5);
  EXPECT_LT(largest_error<double>(kernels::functions<double>().sigmoid, exact_sigmoid, inside(many_doubles(), -709)),
            2.5);
}

TEST_P(VectorMathTest, SpecialValues) {
  const auto& narrow = kernels::functions<float>();
  const auto& wide = kernels::functions<double>();
  EXPECT_LT(largest_error<float>(narrow.exp, exact_exp, special_values<float>()), 0.95);
  EXPECT_LT(largest_error<double>(wide.exp, exact_exp, special_values<double>()), 0.95);
  EXPECT_LT(largest_error<float>(narrow.tanh, exact_tanh, special_values<float>()), 1.5);
  EXPECT_LT(largest_error<double>(wide.tanh, exact_tanh, special_values<double>()), 1.5);
  EXPECT_LT(largest_error<float>(narrow.erf, exact_erf, special_values<float>()), 1.5);
  EXPECT_LT(largest_error<double>(wide.erf, exact_erf, special_values<double>()), 1.5);
  for (const double x : {-HUGE_VAL, -0.0, 0.0, HUGE_VAL}) {
    double y;
    wide.exp(1, &x, &y);
    EXPECT_EQ(y, std::exp(x));
    wide.tanh(1, &x, &y);
    EXPECT_EQ(y, std::tanh(x));
    EXPECT_EQ(std::signbit(y), std::signbit(x));
    wide.erf(1, &x, &y);
    EXPECT_EQ(y, std::erf(x));
    EXPECT_EQ(std::signbit(y), std::signbit(x));
  }
}

// Loops over vectors, over shorter ones and over what is left are compiled apart.
TEST_P(VectorMathTest, EveryLengthAndPlace) {
  const std::vector<float> values(many_floats().begin() + 100000, many_floats().begin() + 100200);
  for (const auto function : {kernels::functions<float>().exp, kernels::functions<float>().erf}) {
    std::vector<float> whole(values.size());
    function(200, values.data(), whole.data());
    for (int64_t length = 1; length <= 67; ++length) {
      for (const int64_t begin : {0, 1, 7}) {
        std::vector<float> part(static_cast<size_t>(length) + 1, -5.0f);
        function(length, values.data() + begin, part.data());
        for (int64_t i = 0; i < length; ++i) {
          const float expected = whole[static_cast<size_t>(begin + i)];
          EXPECT_NEAR(part[static_cast<size_t>(i)], expected, 3e-7 * std::abs(expected)) << length << " " << i;
        }
        EXPECT_EQ(part.back(), -5.0f);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, VectorMathTest, testing::ValuesIn(kernels::available_levels()),
                         [](const auto& info) { return kernels::name_of(info.param); });

}  // namespace
}  // namespace transformlet
