// The README's example of checking a layer: compiled, run, and the same in both places.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>

#include "autograd/gradcheck.h"
#include "layers/basic.h"

namespace transformlet {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// ---- example ----
// An op of your own, with both directions written as plain loops: y = x / sqrt(1 + x^2).
double root(double x) { return std::sqrt(1 + x * x); }

Tensor squash(const Tensor& x) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < x.size(); ++i) y.data<T>()[i] = static_cast<T>(x.data<T>()[i] / root(x.data<T>()[i]));
  });
  const Vjp vjp = [](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &dy = backward.dy();
    Tensor dx = empty_like(x);
    with_dtype(x.dtype(), [&]<class T>() {
      for (int64_t i = 0; i < x.size(); ++i)
        dx.data<T>()[i] = static_cast<T>(dy.data<T>()[i] / std::pow(root(x.data<T>()[i]), 3));
    });
    return {dx};
  };
  // What it means, in ops that exist: this is differentiated when a gradient is to be differentiated again.
  const Reference reference = [](const TensorList& in) -> TensorList { return {in[0] * rsqrt(1.0 + square(in[0]))}; };
  return record({.op = "squash", .inputs = {x}, .outputs = {y}, .vjp = vjp, .reference = reference, .saves = {x}});
}

// A layer that uses it. A Scope makes its parameters and gives them their names.
struct SquashedUnit {
  SquashedUnit(const Scope& scope, int64_t width) : hidden(scope / "hidden", width, width) {}

  Tensor operator()(const Tensor& x) const { return squash(hidden(x)) * x; }

  Linear hidden;
};

GradcheckResult check_squashed_unit() {
  Parameters parameters;
  const SquashedUnit layer(Scope(parameters, /*seed=*/1, DType::float64), 4);
  TensorList inputs = parameters.tensors();
  inputs.push_back(leaf(tensor({0.1, -0.2, 0.3, 0.4, 1.5, -0.6, 0.7, 0.8}, {2, 4}, DType::float64), "x"));
  const TensorFunction function = [&](const TensorList& in) -> TensorList { return {layer(in.back())}; };
  const GradcheckResult result = gradcheck(function, inputs);
  return result.ok() ? gradgradcheck(function, inputs) : result;
}
// ---- end ----

TEST(Readme, ExampleRuns) {
  const GradcheckResult result = check_squashed_unit();
  EXPECT_EQ(result.rows.size(), 4u);  // two parameters, the input, and the cotangent of the second order
  EXPECT_TRUE(result.ok()) << result;
}

// The exponent forgotten in the derivative, as the README tells it.
TEST(Readme, AForgottenExponentIsFound) {
  const auto wrong = [](const TensorList& in) -> TensorList {
    Tensor y = empty_like(in[0]);
    for (int64_t i = 0; i < y.size(); ++i)
      y.data<double>()[i] = in[0].data<double>()[i] / root(in[0].data<double>()[i]);
    const Vjp vjp = [](const Backward& backward) -> TensorList {
      Tensor dx = empty_like(backward.saved[0]);
      for (int64_t i = 0; i < dx.size(); ++i) {
        dx.data<double>()[i] = backward.dy().data<double>()[i] / root(backward.saved[0].data<double>()[i]);
      }
      return {dx};
    };
    return {record({.op = "squash", .inputs = {in[0]}, .outputs = {y}, .vjp = vjp, .saves = {in[0]}})};
  };
  const Tensor x = leaf(tensor({0.1, -0.2, 1.5, -0.6}, {2, 2}, DType::float64), "x");
  const GradcheckResult result = gradcheck(wrong, {x});
  EXPECT_EQ(result.verdict(), Verdict::fail);
  EXPECT_EQ(result.rows[0].failed, 4);
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
