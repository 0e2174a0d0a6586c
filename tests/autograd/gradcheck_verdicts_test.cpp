// Which verdict a gradient check gives, and why: what is not finite, not deterministic, not joined, not there at all.
#include <gtest/gtest.h>

#include <limits>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor leaf_of(const std::vector<double>& values, DType dtype = DType::float64) {
  return leaf(tensor(values, {static_cast<int64_t>(values.size())}, dtype), "x");
}

TensorFunction of(const std::function<Tensor(const Tensor&)>& call) {
  return [call](const TensorList& in) -> TensorList { return {call(in[0])}; };
}

// ---- what is not finite ----

struct Singular {
  std::string name;
  double at;
  std::function<Tensor(const Tensor&)> call;
};
void PrintTo(const Singular& singular, std::ostream* out) { *out << singular.name; }

class SingularTest : public testing::TestWithParam<Singular> {};

// A gradient where the function is infinite, or where one side of it does not exist, is neither right nor wrong.
TEST_P(SingularTest, IsUnchecked) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const bool fast : {false, true}) {
      const GradcheckResult alone =
          gradcheck(of(GetParam().call), {leaf_of({GetParam().at}, dtype)}, {.fast_mode = fast});
      EXPECT_EQ(alone.verdict(), Verdict::unchecked) << alone;
      EXPECT_EQ(alone.rows[0].reason, Reason::non_finite) << alone;
      const GradcheckResult mixed =
          gradcheck(of(GetParam().call), {leaf_of({1.5, GetParam().at, 0.75}, dtype)}, {.fast_mode = fast});
      EXPECT_NE(mixed.verdict(), Verdict::fail) << mixed;
      EXPECT_EQ(mixed.rows[0].non_finite, 1) << mixed;
      EXPECT_EQ(mixed.rows[0].passed, dtype == DType::float64 ? 2 : 0) << "the others have outputs of their own";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Functions, SingularTest,
    testing::Values(Singular{"log", 0, [](const Tensor& x) { return log(x); }},
                    Singular{"sqrt", 0, [](const Tensor& x) { return sqrt(x); }},
                    Singular{"rsqrt", 0, [](const Tensor& x) { return rsqrt(x); }},
                    Singular{"reciprocal", 0, [](const Tensor& x) { return 1.0 / x; }},
                    Singular{"reciprocal_square", 0, [](const Tensor& x) { return power(x, -2); }},
                    Singular{"quotient", 0, [](const Tensor& x) { return full(x.shape(), 1, x.dtype()) / x; }},
                    Singular{"log_of_a_negative_number", -1, [](const Tensor& x) { return log(x); }},
                    Singular{"exp_that_overflows", 1000, [](const Tensor& x) { return exp(x); }},
                    Singular{"infinity_as_input", infinity, [](const Tensor& x) { return square(x); }},
                    Singular{"nan_as_input", std::nan(""), [](const Tensor& x) { return square(x); }}),
    [](const auto& info) { return info.param.name; });

// 1 / x^2 is the same on both sides of 0: a gradient of 0 would agree with the differences.
TEST(GradcheckVerdicts, AnInfinityBetweenEqualNeighboursIsNoZeroGradient) {
  const Bug zero = [](TensorList gradients) -> TensorList { return {zeros(gradients[0].shape(), DType::float64)}; };
  const auto function = with_bug(of([](const Tensor& x) { return power(x, -2); }), "power", zero);
  const GradcheckResult result = gradcheck(function, {leaf_of({0.0})});
  EXPECT_EQ(result.rows[0].non_finite, 1) << result;
}

TEST(GradcheckVerdicts, ANanWhereTheFunctionIsFiniteFails) {
  // |x| as a square root: 0 times infinity in its derivative. The function is finite all around.
  for (const bool fast : {false, true}) {
    const GradcheckResult result =
        gradcheck(of([](const Tensor& x) { return sqrt(square(x)); }), {leaf_of({0.0, 1.0})}, {.fast_mode = fast});
    EXPECT_EQ(result.rows[0].failed, 1) << result;
    EXPECT_EQ(result.rows[0].diagnosis, "one entry alone: the gradient is not finite, though the function is");
  }
  const auto all_nan = [](TensorList) -> TensorList { return {full({3}, std::nan(""), DType::float64)}; };
  const GradcheckResult result =
      gradcheck(with_bug(of([](const Tensor& x) { return exp(x); }), "exp", all_nan), {random_leaf("x", {3})});
  EXPECT_EQ(result.rows[0].failed, 3) << result;
  EXPECT_EQ(result.rows[0].diagnosis, "the gradient is not finite, though the function is");
}

// ---- tiny entries ----

TEST(GradcheckVerdicts, ATinyEntryIsExcusedAndNeverPasses) {
  const Tensor scale = tensor({1, 1e-15, 1e-20}, {3}, DType::float64);
  const TensorFunction right = of([=](const Tensor& x) { return sum(exp(x) * scale); });
  const GradcheckResult result = gradcheck(right, {leaf_of({0.1, 0.2, 0.3})});
  EXPECT_EQ(result.verdict(), Verdict::pass) << result;
  EXPECT_EQ(result.rows[0].passed, 1) << "beside a sum of 1, 1e-15 is rounding: " << result;
  EXPECT_EQ(result.rows[0].tiny, 2) << result;
  // Entries that are all tiny prove nothing.
  const GradcheckResult nothing =
      gradcheck(of([](const Tensor& x) { return sum(x * 1e-20) + 1.0; }), {leaf_of({0.1, 0.2})});
  EXPECT_EQ(nothing.rows[0].passed, 0) << nothing;
  EXPECT_EQ(nothing.verdict(), Verdict::unchecked) << nothing;
}

// The unit of the outputs is no excuse: a function all of whose values are small is checked in its own unit.
TEST(GradcheckVerdicts, ASmallFunctionIsChecked) {
  for (const double scale : {1e-30, 1e-10, 1e10, 1e30}) {
    const TensorFunction function = of([=](const Tensor& x) { return exp(x) * scale; });
    const GradcheckResult result = gradcheck(function, {random_leaf("x", {3})});
    EXPECT_EQ(result.rows[0].passed, 3) << result;
  }
}

// ---- what gives other values each time ----

TEST(GradcheckVerdicts, AFunctionThatChangesIsUnchecked) {
  for (const bool fast : {false, true}) {
    int calls = 0;
    const TensorFunction function = of([&](const Tensor& x) { return exp(x) * (1 + 1e-15 * ++calls); });
    const Tensor x = random_leaf("x", {3});
    for (const GradcheckResult& result :
         {gradcheck(function, {x}, {.fast_mode = fast}), gradgradcheck(function, {x}, {.fast_mode = fast})}) {
      EXPECT_FALSE(result.deterministic);
      EXPECT_EQ(result.verdict(), Verdict::unchecked) << result;
      EXPECT_EQ(result.rows[0].reason, Reason::nondeterministic);
    }
  }
}

TEST(GradcheckVerdicts, AGradientThatChangesIsUnchecked) {
  int calls = 0;
  const Bug drifts = [&](TensorList gradients) { return times(1 + 1e-12 * ++calls, std::move(gradients)); };
  const auto function = with_bug(of([](const Tensor& x) { return exp(x); }), "exp", drifts);
  const GradcheckResult result = gradcheck(function, {random_leaf("x", {3})});
  EXPECT_EQ(result.verdict(), Verdict::unchecked) << result;
  EXPECT_EQ(result.rows[0].reason, Reason::nondeterministic);
}

TEST(GradcheckVerdicts, OutputsThatComeAndGoAreNoCrash) {
  int calls = 0;
  const TensorFunction function = [&](const TensorList& in) -> TensorList {
    return {exp(slice(in[0], 0, 0, ++calls % 2 == 0 ? 4 : 3))};
  };
  const std::string text = error_text([&] { gradcheck(function, {random_leaf("x", {4})}); });
  EXPECT_NE(text.find("gradcheck: the function's outputs change their number or shape"), std::string::npos) << text;
}

// ---- inputs ----

TEST(GradcheckVerdicts, AnInputThatNoPathJoinsFailsUnlessItIsAllowed) {
  const Tensor x = random_leaf("x", {2}), y = random_leaf("y", {2});
  const TensorFunction function = of([](const Tensor& x) { return exp(x); });
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradcheck(function, {x, y}, {.fast_mode = fast});
    EXPECT_EQ(result.rows[0].verdict, Verdict::pass) << result;
    EXPECT_EQ(result.rows[1].verdict, Verdict::fail) << result;
    EXPECT_EQ(result.rows[1].diagnosis, "no path joins it to the output, so it never gets a gradient");
    EXPECT_TRUE(gradcheck(function, {x, y}, {.fast_mode = fast, .allow_unused = true}).ok());
  }
}

// Two tensors may have one name, or none.
TEST(GradcheckVerdicts, AnUnusedInputFailsAloneWhateverTheNames) {
  for (const std::string name : {"same", ""}) {
    const Tensor x = leaf(random_tensor("x", {2}), name), y = leaf(random_tensor("y", {2}), name);
    const GradcheckResult result = gradcheck(of([](const Tensor& x) { return exp(x); }), {x, y});
    EXPECT_EQ(result.rows[0].verdict, Verdict::pass) << result;
    EXPECT_EQ(result.rows[1].verdict, Verdict::fail) << result;
  }
}

// What only a detached path joins does change the outputs.
TEST(GradcheckVerdicts, ADetachedInputFailsEvenWhereUnusedOnesAreAllowed) {
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {in[0] * detach(in[1])}; };
  const GradcheckResult result =
      gradcheck(function, {random_leaf("x", {2}), random_leaf("y", {2})}, {.allow_unused = true});
  EXPECT_EQ(result.rows[1].failed, 2) << result;
  EXPECT_EQ(result.rows[1].diagnosis, "no gradient arrives: is it detached on the way?");
}

TEST(GradcheckVerdicts, InputsMustBeLeavesWithMemoryOfTheirOwn) {
  const TensorFunction function = of([](const Tensor& x) { return exp(x); });
  const Tensor x = random_leaf("x", {2});
  const auto text = [&](const TensorList& inputs) { return error_text([&] { gradcheck(function, inputs); }); };
  EXPECT_EQ(text({random_tensor("x", {2})}), "gradcheck: input 0 is not a leaf(); its values can't be changed");
  EXPECT_EQ(text({x, exp(x)}), "gradcheck: input 1 is not a leaf(); its values can't be changed");
  EXPECT_EQ(text({Tensor()}), "gradcheck: input 0 is not a leaf(); its values can't be changed");
  EXPECT_EQ(text({x, random_leaf("y", {2}), x}), "gradcheck: inputs 0 and 2 share their memory; give each once");
  EXPECT_EQ(text({x, leaf(x, "z")}), "gradcheck: inputs 0 and 1 share their memory; give each once");
  EXPECT_EQ(error_text([&] { gradgradcheck(function, {exp(x)}); }),
            "gradgradcheck: input 0 is not a leaf(); its values can't be changed");
  EXPECT_EQ(error_text([&] { audit(function, {exp(x)}); }),
            "audit: input 0 is not a leaf(); its values can't be changed");
}

// ---- nothing, or little, to check ----

TEST(GradcheckVerdicts, EmptyTensorsScalarsAndFunctionsWithoutOutputs) {
  const Tensor empty = random_leaf("empty", {0, 3}), number = random_leaf("number", {}), x = random_leaf("x", {2, 3});
  const TensorFunction all = [](const TensorList& in) -> TensorList {
    TensorList outputs;
    for (const Tensor& x : in) outputs.push_back(exp(x));
    return outputs;
  };
  const TensorFunction nothing = [](const TensorList&) -> TensorList { return {}; };
  for (const bool fast : {false, true}) {
    const GradcheckOptions options{.fast_mode = fast};
    const GradcheckResult result = gradcheck(all, {empty, number, x}, options);
    EXPECT_TRUE(result.ok()) << result;
    EXPECT_TRUE(gradgradcheck(all, {empty, number, x}, options).ok());
    EXPECT_TRUE(gradcheck(all, {empty}, options).ok()) << "none of its entries is left unchecked";
    // Nothing was compared: that is no proof.
    EXPECT_EQ(gradcheck(all, {}, options).verdict(), Verdict::unchecked);
    EXPECT_EQ(gradgradcheck(all, {}, options).verdict(), Verdict::unchecked);
    EXPECT_EQ(gradcheck(nothing, {}, options).verdict(), Verdict::unchecked);
    EXPECT_EQ(gradcheck(nothing, {x}, options).verdict(), Verdict::fail) << "x is not joined to any output";
    EXPECT_NE(gradgradcheck(nothing, {x}, options).verdict(), Verdict::fail);
  }
}

}  // namespace
}  // namespace transformlet
