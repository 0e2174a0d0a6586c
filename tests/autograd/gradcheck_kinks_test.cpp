// Gradient checks at and near kinks: unchecked, with the op's name, and never a failure.
#include <gtest/gtest.h>

#include <sstream>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "autograd/recompute.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// A function with one kink at x = 0, where it is not differentiable.
struct Kinked {
  std::string name, op;
  std::function<Tensor(const Tensor&)> call;
};
void PrintTo(const Kinked& kinked, std::ostream* out) { *out << kinked.name; }

Tensor constant_like(const Tensor& x, double value) { return full(x.shape(), value, x.dtype()); }
Tensor minimum(const Tensor& a, const Tensor& b) { return -maximum(-a, -b); }

std::vector<Kinked> kinked_functions() {
  return {
      {"relu", "relu", [](const Tensor& x) { return relu(x); }},
      {"maximum_left", "maximum", [](const Tensor& x) { return maximum(x, constant_like(x, 0)); }},
      {"maximum_right", "maximum", [](const Tensor& x) { return maximum(constant_like(x, 0), x); }},
      {"minimum", "maximum", [](const Tensor& x) { return minimum(x, constant_like(x, 0)); }},
      {"minimum_right", "maximum", [](const Tensor& x) { return minimum(constant_like(x, 0), x); }},
      {"clipped_above_and_below", "maximum",
       [](const Tensor& x) { return maximum(minimum(x, constant_like(x, 1)), constant_like(x, 0)); }},
      {"absolute_by_maximum", "maximum", [](const Tensor& x) { return maximum(x, -x); }},
      {"absolute_by_relu", "relu", [](const Tensor& x) { return relu(x) + relu(-x); }},
      {"max", "max",
       [](const Tensor& x) {
         return max(concatenate({reshape(x, {x.size(), 1}), full({x.size(), 2}, 0, x.dtype())}, 1), 1);
       }},
      {"max_that_comes_last", "max",
       [](const Tensor& x) {
         return max(concatenate({full({x.size(), 2}, 0, x.dtype()), reshape(x, {x.size(), 1})}, 1), 1);
       }},
      {"where", "where",
       [](const Tensor& x) { return where(greater(x, constant_like(x, 0)), 3.0 * x, constant_like(x, 0)); }},
      {"leaky", "where", [](const Tensor& x) { return where(greater(x, constant_like(x, 0)), x, 0.1 * x); }},
      // The value jumps too.
      {"step", "where",
       [](const Tensor& x) { return where(greater(x, constant_like(x, 0)), x + 5.0, constant_like(x, 0)); }},
      {"relu_in_the_middle", "relu", [](const Tensor& x) { return tanh(relu(exp(x) - 1.0) * 2.0); }},
      {"recomputed", "relu",
       [](const Tensor& x) { return recompute([](const TensorList& in) { return tanh(relu(2.0 * in[0])); }, {x}); }},
      {"recomputed_twice", "relu",
       [](const Tensor& x) {
         return recompute(
             [](const TensorList& in) {
               return recompute([](const TensorList& in) { return tanh(relu(2.0 * in[0])); }, {square(in[0]) + in[0]});
             },
             {x});
       }},
  };
}

Tensor leaf_of(const std::vector<double>& values, DType dtype = DType::float64) {
  return leaf(tensor(values, {static_cast<int64_t>(values.size())}, dtype), "x");
}

std::string text_of(const GradcheckResult& result) {
  std::ostringstream out;
  out << result;
  return out.str();
}

class KinkTest : public testing::TestWithParam<Kinked> {
 protected:
  static TensorFunction function() {
    return [](const TensorList& in) -> TensorList { return {GetParam().call(in[0])}; };
  }
};

TEST_P(KinkTest, AnEntryAtTheKinkIsUncheckedAndTheOpIsNamed) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const double zero : {0.0, -0.0}) {
      const GradcheckResult result = gradcheck(function(), {leaf_of({zero}, dtype)});
      EXPECT_EQ(result.verdict(), Verdict::unchecked) << result;
      EXPECT_EQ(result.rows[0].reason, Reason::kink) << result;
      EXPECT_EQ(result.rows[0].kinks, 1);
      EXPECT_EQ(result.rows[0].worst.kink, GetParam().op);
    }
  }
}

TEST_P(KinkTest, OtherEntriesAreCheckedAllTheSame) {
  const GradcheckResult result = gradcheck(function(), {leaf_of({0.5, 0.0, -0.5, 0.25, 0.0})});
  EXPECT_EQ(result.verdict(), Verdict::pass) << result;
  EXPECT_EQ(result.rows[0].kinks, 2) << result;
  EXPECT_EQ(result.rows[0].passed, 3) << result;
  EXPECT_EQ(result.rows[0].kink, GetParam().op) << "named, though the row passes";
}

TEST_P(KinkTest, DirectionsThroughTheKinkAreUncheckedToo) {
  const GradcheckResult alone = gradcheck(function(), {leaf_of({0.0})}, {.fast_mode = true});
  EXPECT_EQ(alone.verdict(), Verdict::unchecked) << alone;
  EXPECT_EQ(alone.rows[0].reason, Reason::kink) << alone;
  EXPECT_EQ(alone.directions[0].kink, GetParam().op);
  const GradcheckResult mixed = gradcheck(function(), {leaf_of({0.5, 0.0, -0.5})}, {.fast_mode = true});
  EXPECT_EQ(mixed.verdict(), Verdict::pass) << mixed;
  EXPECT_EQ(mixed.rows[0].kinks, 1) << mixed;
}

TEST_P(KinkTest, SecondDerivativesAreUncheckedThere) {
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradgradcheck(function(), {leaf_of({0.0, 0.75})}, {.fast_mode = fast});
    EXPECT_NE(result.verdict(), Verdict::fail) << result;
    EXPECT_EQ(result.rows[0].kinks, 1) << result;
  }
}

// An estimate from steps across the kink would be wrong; from steps so short that they stay on one side it is noisy.
TEST_P(KinkTest, CloseToTheKinkNothingFails) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const double distance : {1e-1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 1e-300}) {
      for (const bool fast : {false, true}) {
        const Tensor x = leaf_of({distance, -distance, 0.5, -2.0}, dtype);
        const GradcheckResult first = gradcheck(function(), {x}, {.fast_mode = fast});
        EXPECT_NE(first.verdict(), Verdict::fail) << "at " << distance << '\n' << first;
        const GradcheckResult second = gradgradcheck(function(), {x}, {.fast_mode = fast});
        EXPECT_NE(second.verdict(), Verdict::fail) << "at " << distance << '\n' << second;
      }
    }
  }
  const GradcheckResult result = gradcheck(function(), {leaf_of({1e-3, -1e-3})});
  EXPECT_EQ(result.rows[0].passed, 2) << "1e-3 is far enough to be sure: " << result;
}

// A kink excuses the entries at it, not the wrong ones beside it.
TEST_P(KinkTest, AWrongGradientBesideTheKinkFails) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    return {GetParam().call(in[0]) + detach(exp(in[0]))};
  };
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradcheck(function, {leaf_of({0.0, 0.5, -0.5})}, {.fast_mode = fast});
    EXPECT_EQ(result.rows[0].failed, 2) << result;
    EXPECT_EQ(result.rows[0].kinks, 1) << result;
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, KinkTest, testing::ValuesIn(kinked_functions()),
                         [](const auto& info) { return info.param.name; });

TEST(GradcheckKinks, TiesOfAMaximumAreKinks) {
  const Tensor x = leaf(tensor({1, 2, 2, 0, /**/ 3, 3, 3, 3, /**/ 5, 1, 2, 3}, {3, 4}, DType::float64), "x");
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {max(in[0], 1)}; };
  const GradcheckResult result = gradcheck(function, {x});
  EXPECT_EQ(result.rows[0].kinks, 6) << "two that tie in the first row, four in the second: " << result;
  EXPECT_EQ(result.rows[0].passed, 6) << "the others are right, most of them zero: " << result;
  const GradcheckResult fast = gradcheck(function, {x}, {.fast_mode = true});
  EXPECT_NE(fast.verdict(), Verdict::fail) << fast;
  EXPECT_EQ(fast.directions[0].reason, Reason::kink);
  EXPECT_EQ(fast.directions[0].kink, "max");
}

// Equal numbers that move together are no kink: the larger is the same function whichever is taken.
TEST(GradcheckKinks, ATieThatStaysOneIsNoKink) {
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {maximum(in[0], alias(in[0]))}; };
  const GradcheckResult result = gradcheck(function, {random_leaf("x", {3})});
  EXPECT_EQ(result.rows[0].passed, 3) << result;
}

// A branch that no output depends on is nobody's kink.
TEST(GradcheckKinks, OnlyBranchesOnTheWayToTheOutputsCount) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    const Tensor aside = relu(in[0]);
    return {exp(in[0])};
  };
  const GradcheckResult result = gradcheck(function, {leaf_of({0.0})});
  EXPECT_EQ(result.rows[0].passed, 1) << result;
}

TEST(GradcheckKinks, TheReportSaysWhichOp) {
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {relu(in[0])}; };
  const std::string text = text_of(gradcheck(function, {leaf_of({0.0})}, {.fast_mode = true}));
  EXPECT_NE(text.find("unchecked x (1) (kink of relu)"), std::string::npos) << text;
  EXPECT_NE(text.find("(kink of relu)", text.find("a direction")), std::string::npos) << text;
}

}  // namespace
}  // namespace transformlet
