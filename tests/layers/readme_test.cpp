// The README's example of checking a layer: compiled, run, and the same in both places.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "autograd/gradcheck.h"
#include "layers/basic.h"

namespace transformlet {
namespace {

// ---- example ----
// A gated unit: y = (x W) * sigmoid(x V), with the hidden weights made by a Scope.
struct GatedUnit {
  GatedUnit(const Scope& scope, int64_t width)
      : value(scope / "value", width, width), gate(scope / "gate", width, width) {}

  Tensor operator()(const Tensor& x) const { return value(x) * sigmoid(gate(x)); }

  Linear value, gate;
};

GradcheckResult check_gated_unit() {
  Parameters parameters;
  const GatedUnit layer(Scope(parameters, /*seed=*/1, DType::float64), 4);
  TensorList inputs = parameters.tensors();
  inputs.push_back(leaf(tensor({0.1, -0.2, 0.3, 0.4, 1.5, -0.6, 0.7, 0.8}, {2, 4}, DType::float64), "x"));
  return gradcheck([&](const TensorList& in) { return TensorList{layer(in.back())}; }, inputs);
}
// ---- end ----

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Readme, ExampleRuns) {
  const GradcheckResult result = check_gated_unit();
  EXPECT_EQ(result.rows.size(), 5u);
  EXPECT_TRUE(result.ok()) << result;
}

TEST(Readme, ExampleIsTheSameThere) {
  const std::string source = text_of(TRANSFORMLET_SOURCE_DIR "/tests/layers/readme_test.cpp");
  const size_t begin = source.find("// ---- example ----\n") + 21, end = source.find("// ---- end ----");
  ASSERT_LT(begin, end);
  const std::string readme = text_of(TRANSFORMLET_SOURCE_DIR "/README.md");
  EXPECT_NE(readme.find("```cpp\n" + source.substr(begin, end - begin) + "```"), std::string::npos);
}

}  // namespace
}  // namespace transformlet
