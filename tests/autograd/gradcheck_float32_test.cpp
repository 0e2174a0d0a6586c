// float32: a right gradient never fails, a wrong one does, and what cannot be told is unchecked.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Single {
  std::string name, op;  // a function, and the op of it that gets a wrong vjp
  std::vector<Shape> inputs;
  std::function<Tensor(const TensorList&)> call;
};
void PrintTo(const Single& single, std::ostream* out) { *out << single.name; }

std::vector<Single> functions() {
  return {
      {"exp", "exp", {{3, 4}}, [](const TensorList& in) { return exp(in[0]); }},
      {"linear",
       "linear",
       {{3, 4}, {5, 4}, {5}},
       [](const TensorList& in) { return tanh(linear(in[0], in[1], in[2])); }},
      {"layer_norm",
       "layer_norm",
       {{3, 8}, {8}, {8}},
       [](const TensorList& in) { return layer_norm(in[0], in[1], in[2]); }},
      {"relu", "relu", {{3, 4}, {6, 4}}, [](const TensorList& in) { return square(relu(linear(in[0], in[1]))); }},
      {"softmax", "softmax", {{3, 5}}, [](const TensorList& in) { return softmax(4.0 * in[0]); }},
      {"attention",
       "scaled_dot_product_attention",
       {{2, 4, 3}, {2, 4, 3}, {2, 4, 3}},
       [](const TensorList& in) { return scaled_dot_product_attention(in[0], in[1], in[2], Mask::causal()); }},
      {"sum_of_thousands", "exp", {{5000}}, [](const TensorList& in) { return sum(exp(in[0])); }},
      {"loss",
       "cross_entropy",
       {{4, 6}},
       [](const TensorList& in) {
         return cross_entropy(3.0 * in[0], Tokens({1, 0, 5, 2}, {4}));
       }},
      // float64 that goes through float32 for a moment is no better than that.
      {"float32_in_between",
       "exp",
       {{3, 4}},
       [](const TensorList& in) {
         const DType own = in[0].dtype();
         return cast(exp(cast(cast(in[0], DType::float64), DType::float32)), own);
       }},
  };
}

class SingleTest : public testing::TestWithParam<Single> {
 protected:
  static TensorList leaves(int seed, DType dtype) {
    TensorList result;
    for (const Shape& shape : GetParam().inputs) {
      const std::string name = fmt::format("input {} of {}", result.size(), seed);
      result.push_back(random_leaf(name, shape, dtype));
    }
    return result;
  }
  static TensorFunction function() {
    return [](const TensorList& in) -> TensorList { return {GetParam().call(in)}; };
  }
  static GradcheckOptions options(int seed, bool fast) {
    return {.fast_mode = fast, .max_entries = 12, .seed = static_cast<uint64_t>(seed)};
  }
};

TEST_P(SingleTest, ARightGradientNeverFails) {
  for (int seed = 0; seed < 10; ++seed) {
    for (const bool fast : {false, true}) {
      const TensorList in = leaves(seed, DType::float32);
      const GradcheckResult first = gradcheck(function(), in, options(seed, fast));
      EXPECT_NE(first.verdict(), Verdict::fail) << seed << '\n' << first;
      EXPECT_TRUE(first.low_precision);
      const GradcheckResult second = gradgradcheck(function(), in, options(seed, fast));
      EXPECT_NE(second.verdict(), Verdict::fail) << seed << '\n' << second;
    }
  }
}

// The largest error bar here is a percent or so: a gradient twice as large, or of the other sign, stands out.
TEST_P(SingleTest, AWrongGradientFails) {
  for (const double factor : {2.0, -1.0}) {
    for (const bool fast : {false, true}) {
      const Bug bug = [&](TensorList gradients) { return times(factor, std::move(gradients)); };
      const GradcheckResult result =
          gradcheck(with_bug(function(), GetParam().op, bug), leaves(0, DType::float32), options(0, fast));
      EXPECT_EQ(result.verdict(), Verdict::fail) << factor << '\n' << result;
    }
  }
}

TEST_P(SingleTest, TheSameInFloat64Passes) {
  const bool mixed = GetParam().name == "float32_in_between";
  const GradcheckResult result = gradcheck(function(), leaves(0, DType::float64), options(0, false));
  EXPECT_EQ(result.low_precision, mixed);
  EXPECT_EQ(result.verdict(), mixed ? Verdict::unchecked : Verdict::pass) << result;
}

INSTANTIATE_TEST_SUITE_P(Functions, SingleTest, testing::ValuesIn(functions()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
