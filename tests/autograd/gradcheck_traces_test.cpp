// What a gradient check leaves behind: nothing. And the same check gives the same bits.
#include <gtest/gtest.h>

#include <sstream>

#include "autograd/gradcheck.h"
#include "autograd/kernels/threads.h"
#include "autograd/observer.h"
#include "autograd/ops.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// Values whose bits are easily lost: -0.0, denormals, the largest number, NaN with a payload.
TensorList delicate_leaves(DType dtype) {
  Tensor x = tensor({-0.0, 0.0, 4.9e-324, -1e-310, 0.1, -3.0, 1e-40, 2.5}, {8}, dtype);
  return {leaf(x, "x"), random_leaf("y", {2, 3}, dtype), leaf(tensor({-0.0}, {}, dtype), "z")};
}

Tensor function_of(const TensorList& in) {
  const Tensor loss = sum(exp(in[0])) * in[2] + sum(relu(in[1]));
  return concatenate({reshape(loss, {1}), tanh(in[0])}, 0);
}

void all_checks(const TensorFunction& function, const TensorList& in,
                const std::function<void(const GradcheckResult&)>& use = {}) {
  for (const bool fast : {false, true}) {
    const GradcheckOptions options{.fast_mode = fast};
    const GradcheckResult first = gradcheck(function, in, options), second = gradgradcheck(function, in, options);
    if (use) {
      use(first);
      use(second);
    }
  }
  audit(function, in);
}

TensorList copies(const TensorList& tensors) {
  TensorList result;
  for (const Tensor& x : tensors) result.push_back(copy(x));
  return result;
}

TEST(GradcheckTraces, InputsAreRestoredToTheBit) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    const TensorList in = delicate_leaves(dtype), before = copies(in);
    all_checks([](const TensorList& in) -> TensorList { return {function_of(in)}; }, in);
    EXPECT_TRUE(same_bits(before, in));
  }
}

// Whichever of its calls fails, and in whichever mode.
TEST(GradcheckTraces, InputsAreRestoredWhenTheFunctionThrows) {
  const TensorList in = delicate_leaves(DType::float64), before = copies(in);
  int calls = 0;
  const TensorFunction counting = [&](const TensorList& in) -> TensorList {
    ++calls;
    return {function_of(in)};
  };
  for (const bool fast : {false, true}) {
    for (const bool second : {false, true}) {
      const auto check = [&](const TensorFunction& function) {
        const GradcheckOptions options{.fast_mode = fast, .max_entries = 2};
        return second ? gradgradcheck(function, in, options) : gradcheck(function, in, options);
      };
      calls = 0;
      check(counting);
      const int all = calls;
      int thrown = 0;
      for (int at = 1; at <= all; at += 1 + at / 8) {
        calls = 0;
        const TensorFunction failing = [&](const TensorList& in) -> TensorList {
          require(++calls != at, "call {} fails", at);
          return {function_of(in)};
        };
        try {
          const GradcheckResult result = check(failing);
          // An identity says that it could not be computed.
          EXPECT_NE(result.identities.at(0).note.find("fails"), std::string::npos) << at;
        } catch (const Error&) {
          ++thrown;
        }
        ASSERT_TRUE(same_bits(before, in)) << "after call " << at << " of " << all << " failed";
        EXPECT_EQ(current_observer, nullptr);
      }
      EXPECT_GT(thrown, 20);
    }
  }
}

// A wrong gradient takes the paths that look closer: halving, shares of the samples.
TEST(GradcheckTraces, InputsAreRestoredAfterAFailure) {
  const TensorList in = {random_leaf("x", {50, 60})}, before = copies(in);
  const TensorFunction right = [](const TensorList& in) -> TensorList { return {exp(in[0])}; };
  const Bug one_entry = [](TensorList gradients) {
    gradients[0].data<double>()[1234] *= 2;
    return gradients;
  };
  const GradcheckResult result = gradcheck(with_bug(right, "exp", one_entry), in, {.fast_mode = true});
  EXPECT_EQ(result.verdict(), Verdict::fail);
  EXPECT_TRUE(same_bits(before, in));
}

TEST(GradcheckTraces, ThreadsModesAndGraphsStayAsTheyWere) {
  const TensorList in = delicate_leaves(DType::float64);
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {function_of(in)}; };
  const int threads = kernels::threads();
  const int64_t nodes = live_nodes();
  gradcheck(function, in);
  EXPECT_EQ(kernels::threads(), threads);
  all_checks(function, in);
  EXPECT_EQ(kernels::threads(), threads);
  EXPECT_EQ(live_nodes(), nodes);
  EXPECT_TRUE(recording());
  EXPECT_FALSE(higher_order());
  EXPECT_EQ(current_observer, nullptr);
}

// A check records what it needs, whatever its caller does.
TEST(GradcheckTraces, ChecksWorkWhereNothingIsRecorded) {
  const TensorList in = {random_leaf("x", {2, 3})};
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {gelu(in[0])}; };
  const NoRecording off;
  const HigherOrder guard;
  all_checks(function, in, [](const GradcheckResult& result) { EXPECT_TRUE(result.ok()) << result; });
  EXPECT_TRUE(audit(function, in).empty());
  EXPECT_FALSE(recording());
  EXPECT_TRUE(higher_order());
}

TEST(GradcheckTraces, TheSameCheckGivesTheSameBits) {
  const TensorList in = {random_leaf("x", {4, 5}), random_leaf("w", {3, 5})};
  const TensorFunction right = [](const TensorList& in) -> TensorList { return {gelu(linear(in[0], in[1]))}; };
  for (const TensorFunction& function : {right, with_bug(right, "linear")}) {
    const auto everything = [&] {
      std::ostringstream out;
      out.precision(17);
      all_checks(function, in, [&](const GradcheckResult& result) {
        out << result;
        for (const GradcheckRow& row : result.rows) {
          out << row.worst.numeric << ' ' << row.worst.error_bar << ' ' << row.worst_relative_error << ' '
              << row.mean_relative_error << ' ' << row.cosine << ' ' << row.chance_of_missing << '\n';
        }
        for (const DirectionCheck& check : result.directions) out << check.numeric << ' ' << check.error_bar << '\n';
        for (const IdentityCheck& identity : result.identities) out << identity.error << '\n';
      });
      return out.str();
    };
    const std::string once = everything();
    EXPECT_EQ(once, everything());
    const kernels::ThreadsAre others(kernels::threads() == 1 ? 2 : 1);
    EXPECT_EQ(once, everything()) << "with another number of threads";
  }
}

TEST(GradcheckTraces, AnotherSeedLooksAtOtherDirections) {
  const TensorList in = {random_leaf("x", {4, 5})};
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {exp(in[0])}; };
  const auto numeric = [&](uint64_t seed) {
    return gradcheck(function, in, {.fast_mode = true, .seed = seed}).directions.at(0).numeric;
  };
  EXPECT_NE(numeric(0), numeric(1));
}

}  // namespace
}  // namespace transformlet
