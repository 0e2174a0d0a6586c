// Golden cases as tensors: leaves, masks, and the comparison with what was recorded.
#pragma once

#include <gtest/gtest.h>

#include "autograd/mask.h"
#include "autograd/ops.h"
#include "tests/golden.h"
#include "tests/tensors.h"

namespace transformlet {

inline void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }

inline Tensor golden_tensor(const GoldenArray& array, DType dtype) {
  return tensor(array.data, Shape(std::span<const int64_t>(array.shape)), dtype);
}

inline Tensor golden_leaf(const GoldenCase& golden, const std::string& name, DType dtype) {
  return leaf(golden_tensor(golden.inputs.at(name), dtype), name);
}

inline Tokens golden_tokens(const GoldenArray& array) {
  return {std::vector<int32_t>(array.data.begin(), array.data.end()), Shape(std::span<const int64_t>(array.shape))};
}

inline Mask golden_mask(const GoldenCase& golden) {
  const auto setting = [&](const char* name) {
    const auto found = golden.settings.find(name);
    return found == golden.settings.end() ? int64_t{0} : static_cast<int64_t>(found->second);
  };
  Mask mask;
  if (setting("causal") != 0) {
    mask = setting("window") > 0 ? Mask::sliding_window(setting("window"), setting("query_offset"))
                                 : Mask::causal(setting("query_offset"));
  }
  if (const auto lengths = golden.inputs.find("lengths"); lengths != golden.inputs.end()) {
    mask = mask & Mask::padding({lengths->second.data.begin(), lengths->second.data.end()});
  }
  if (const auto dense = golden.inputs.find("dense_mask"); dense != golden.inputs.end()) {
    mask = mask & Mask::dense({dense->second.data.begin(), dense->second.data.end()},
                              Shape(std::span<const int64_t>(dense->second.shape)));
  }
  return mask;
}

// tests/golden/README.md gives the reason of the tolerances.
inline void expect_golden(const GoldenArray& expected, const Tensor& actual, const std::string& name) {
  EXPECT_EQ(Shape(std::span<const int64_t>(expected.shape)), actual.shape()) << name;
  if (actual.dtype() == DType::float32) {
    const std::span<const float> values(actual.data<float>(), static_cast<size_t>(actual.size()));
    EXPECT_LT(golden_error(expected, values), golden_tolerance_float32) << name;
  } else {
    const std::span<const double> values(actual.data<double>(), static_cast<size_t>(actual.size()));
    EXPECT_LT(golden_error(expected, values), golden_tolerance_float64) << name;
  }
}

}  // namespace transformlet
