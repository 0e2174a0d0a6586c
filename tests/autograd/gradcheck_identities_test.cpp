// Equations that hold without differences: <Jv, u> = <v, J'u>, and the symmetry of the Hessian.
#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// exp by a loop, with a vjp that may be wrong, made of loops or of ops, and a reference or none.
struct Made {
  double factor = 1;         // of the vjp
  bool of_loops = true;      // the vjp gives constants
  bool reference = true;     // and exp in primitives stands behind it
  bool cuts_factor = false;  // the vjp detaches the derivative
};

Tensor made_exp(const Tensor& x, const Made& made) {
  auto vjp = [made](const Backward& backward) -> TensorList {
    const Tensor derivative = exp(backward.saved[0]) * made.factor;
    const Tensor gradient = backward.dy() * (made.cuts_factor ? detach(derivative) : derivative);
    return {made.of_loops ? constant(gradient) : gradient};
  };
  Recording recording{.op = "made", .inputs = {x}, .outputs = {constant(exp(constant(x)))}, .vjp = vjp, .saves = {x}};
  if (made.reference) recording.reference = [](const TensorList& in) -> TensorList { return {exp(in[0])}; };
  return record(std::move(recording));
}

TensorFunction function_of(const Made& made) {
  return [made](const TensorList& in) -> TensorList { return {tanh(made_exp(in[0], made))}; };
}

const TensorList& input() {
  static const TensorList in = {random_leaf("x", {3, 4})};
  return in;
}

TEST(GradcheckIdentities, AKernelThatAgreesWithItsReference) {
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradcheck(function_of({}), input(), {.fast_mode = fast});
    EXPECT_TRUE(result.ok()) << result;
    ASSERT_EQ(result.identities.size(), 1U);
    EXPECT_EQ(result.identities[0].verdict, Verdict::pass);
    EXPECT_LT(result.identities[0].error, 1e-12);
    EXPECT_EQ(result.identities[0].tolerance, 1e-12);
    EXPECT_TRUE(gradgradcheck(function_of({}), input(), {.fast_mode = fast}).ok());
  }
}

// Off by one part in 10^10: no finite difference would see it.
TEST(GradcheckIdentities, AKernelThatDisagreesWithItsReference) {
  const GradcheckResult result = gradcheck(function_of({.factor = 1 + 1e-10}), input());
  EXPECT_EQ(result.rows[0].verdict, Verdict::pass) << "too small for differences: " << result;
  EXPECT_EQ(result.identities[0].verdict, Verdict::fail) << result;
  EXPECT_GT(result.identities[0].error, 1e-12);
  EXPECT_EQ(result.verdict(), Verdict::fail);
}

// The gradient is right, but not as a function: its derivative misses a part.
TEST(GradcheckIdentities, ADerivativeThatIsCutOff) {
  const Made made{.of_loops = false, .reference = false, .cuts_factor = true};
  const GradcheckResult first = gradcheck(function_of(made), input());
  EXPECT_EQ(first.rows[0].verdict, Verdict::pass) << first;
  EXPECT_EQ(first.identities[0].verdict, Verdict::pass) << "J is right: " << first;
  const GradcheckResult second = gradgradcheck(function_of(made), input());
  EXPECT_EQ(second.verdict(), Verdict::fail) << second;
  EXPECT_EQ(second.rows[0].verdict, Verdict::fail) << second;
}

// Of two inputs, the derivative of one by the other is cut on one side alone: H is no longer symmetric.
TEST(GradcheckIdentities, AHessianThatIsNotSymmetric) {
  const auto product = [](bool cuts) {
    return [cuts](const TensorList& in) -> TensorList {
      auto vjp = [cuts](const Backward& backward) -> TensorList {
        const Tensor &a = backward.saved[0], &b = backward.saved[1], &dy = backward.dy();
        return {dy * (cuts ? detach(b) : b), dy * a};
      };
      return {tanh(record({.op = "product",
                           .inputs = {in[0], in[1]},
                           .outputs = {constant(constant(in[0]) * constant(in[1]))},
                           .vjp = vjp,
                           .saves = {in[0], in[1]}}))};
    };
  };
  const TensorList in = {random_leaf("a", {5}), random_leaf("b", {5})};
  EXPECT_TRUE(gradgradcheck(product(false), in).ok());
  EXPECT_EQ(gradcheck(product(true), in).identities.at(0).verdict, Verdict::pass) << "the first derivative is right";
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradgradcheck(product(true), in, {.fast_mode = fast});
    ASSERT_EQ(result.identities.size(), 1U);
    EXPECT_EQ(result.identities[0].name, "u'Hv = v'Hu");
    EXPECT_EQ(result.identities[0].verdict, Verdict::fail) << result;
    EXPECT_EQ(result.verdict(), Verdict::fail);
  }
}

// Nothing says what it means: only differences can check it, and they do.
TEST(GradcheckIdentities, AVjpOfLoopsWithoutAReference) {
  const Made made{.reference = false};
  const GradcheckResult result = gradcheck(function_of(made), input());
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.identities[0].verdict, Verdict::unchecked);
  EXPECT_EQ(result.identities[0].note,
            "grad: the vjp of made gives constants where a differentiable gradient is asked for; write it with ops, or "
            "give the op a reference");
  EXPECT_EQ(error_text([&] { gradgradcheck(function_of(made), input()); }), result.identities[0].note);
}

// A wrong vjp fails by differences and by the identity; one without a reference by differences alone.
TEST(GradcheckIdentities, AWrongVjp) {
  for (const bool reference : {false, true}) {
    const GradcheckResult result = gradcheck(function_of({.factor = 2, .reference = reference}), input());
    EXPECT_EQ(result.rows[0].verdict, Verdict::fail) << result;
    EXPECT_EQ(result.identities[0].verdict, reference ? Verdict::fail : Verdict::unchecked) << result;
  }
}

// What the last bits of the inputs change is rounding, as in a norm of rows that are all but constant. A factor of two
// is still none.
TEST(GradcheckIdentities, RoundingIsNoFailure) {
  const TensorList in = {leaf(3.0 + 1e-9 * random_tensor("x", {2, 6}), "x")};
  const TensorFunction norm = [](const TensorList& in) -> TensorList {
    return {layer_norm(in[0], full({6}, 1, DType::float64), Tensor(), 0.0)};
  };
  const GradcheckResult result = gradcheck(norm, in);
  EXPECT_EQ(result.identities[0].verdict, Verdict::unchecked) << result;
  EXPECT_EQ(result.identities[0].note, "the last bits of the inputs change it as much");
  EXPECT_EQ(gradcheck(with_bug(norm, "layer_norm"), in).identities[0].verdict, Verdict::fail);
}

}  // namespace
}  // namespace transformlet
