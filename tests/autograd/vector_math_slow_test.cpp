// The exponential of every float, on every instruction set.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/kernels/functions.h"
#include "tests/autograd/ulp.h"

namespace transformlet {
namespace {

TEST(VectorMathSlow, ExpOfEveryFloat) {
  constexpr int64_t block = 1 << 16;
  double largest = 0;
  const kernels::Level before = kernels::level();
  std::vector<kernels::FunctionKernels<float>::Function*> functions;
  for (const kernels::Level level : kernels::available_levels()) {
    kernels::use_level(level);
    functions.push_back(kernels::functions<float>().exp);
  }
  kernels::use_level(before);
  // Both signs of the sizes from 2^-27 (below, the result is 1) to 2^7; beyond lie zeros, infinities and NaN, of which
  // the fast test takes a sample.
  const uint32_t first = std::bit_cast<uint32_t>(0x1p-27f), last = std::bit_cast<uint32_t>(0x1p7f);
#pragma omp parallel for schedule(dynamic) reduction(max : largest)
  for (int64_t start = first; start < last; start += block) {
    std::vector<float> x(2 * block), y(2 * block);
    std::vector<double> exact(2 * block);
    for (int64_t i = 0; i < 2 * block; ++i) {
      const float size = std::bit_cast<float>(static_cast<uint32_t>(start + i / 2));
      x[static_cast<size_t>(i)] = i % 2 == 0 ? size : -size;
      exact[static_cast<size_t>(i)] = std::exp(static_cast<double>(x[static_cast<size_t>(i)]));
    }
    for (const auto function : functions) {
      function(2 * block, x.data(), y.data());
      for (size_t i = 0; i < x.size(); ++i) largest = std::max(largest, ulps(y[i], exact[i]));
    }
  }
  EXPECT_LT(largest, 0.95);
  RecordProperty("largest_error_in_ulp", std::to_string(largest));
}

}  // namespace
}  // namespace transformlet
