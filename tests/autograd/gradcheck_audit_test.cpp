// What the graph of a function says without any difference.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/gradcheck.h"
#include "autograd/recompute.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using testing::Test;

std::vector<std::string> texts(const TensorFunction& function, const TensorList& inputs) {
  std::vector<std::string> result;
  for (const Finding& finding : audit(function, inputs)) result.push_back(finding.text);
  return result;
}
using Texts = std::vector<std::string>;

struct AuditTest : Test {
  Tensor x = random_leaf("x", {2, 3}), w = random_leaf("w", {4, 3}), v = random_leaf("v", {4, 3});
};

TEST_F(AuditTest, NothingIsFoundWhereAllIsWell) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    return {tanh(linear(in[0], in[1])), sum(square(in[0]))};
  };
  EXPECT_EQ(texts(function, {x, w}), Texts{});
}

TEST_F(AuditTest, AnInputWithoutAPath) {
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {linear(in[0], in[1])}; };
  EXPECT_EQ(texts(function, {x, w, v}), Texts{"v (4, 3): no path joins it to the output, so it never gets a gradient"});
  const auto findings = audit(function, {x, w, v});
  EXPECT_EQ(findings[0].kind, Finding::no_path);
  EXPECT_EQ(findings[0].name, "v");
}

TEST_F(AuditTest, ADetachedWeight) {
  const TensorFunction function = [](const TensorList& in) -> TensorList { return {linear(in[0], detach(in[1]))}; };
  EXPECT_EQ(texts(function, {x, w}),
            (Texts{"w (4, 3): no path joins it to the output, so it never gets a gradient",
                   "linear with x takes a detached tensor (4, 3): through it no gradient flows back to w"}));
}

TEST_F(AuditTest, ADetachedValueThatHasOtherPaths) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    return {in[0] + matmul(linear(detach(in[0]), in[1]), in[1])};
  };
  EXPECT_EQ(texts(function, {x, w}),
            Texts{"linear with w takes a detached tensor (2, 3): through it no gradient flows back to x"});
}

// What is done to a detached tensor before an op on the way takes it does not hide the cut.
TEST_F(AuditTest, ADetachedValueThatIsChangedFirst) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    const Tensor cut = tanh(reshape(detach(linear(in[0], in[1])), {8})) * 2.0;
    return {reshape(cut, {2, 4}) * linear(in[0], in[2])};
  };
  EXPECT_EQ(texts(function, {x, w, v}),
            (Texts{"w (4, 3): no path joins it to the output, so it never gets a gradient",
                   "multiply takes a detached tensor (2, 4): through it no gradient flows back to x, w"}));
}

TEST_F(AuditTest, AValueThatIsComputedWithoutRecording) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    Tensor gate;
    {
      const NoRecording off;
      gate = sigmoid(linear(in[0], in[1]));
    }
    return {gate * linear(in[0], in[1])};
  };
  EXPECT_EQ(texts(function, {x, w}),
            Texts{"multiply takes a detached tensor (2, 4): through it no gradient flows back to x, w"});
}

// A cut that no output depends on cuts nothing.
TEST_F(AuditTest, ADetachedTensorThatIsOnlyLookedAt) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    EXPECT_GT(sum(square(detach(in[0]))).item(), 0);
    return {linear(in[0], in[1])};
  };
  EXPECT_EQ(texts(function, {x, w}), Texts{});
}

TEST_F(AuditTest, AnOutputThatNothingUses) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    const Tensor unused = tanh(linear(in[0], in[2]));
    return {linear(in[0], in[1]) + 0.0 * linear(in[0], in[2])};
  };
  EXPECT_EQ(texts(function, {x, w, v}), (Texts{"tanh computes a tensor (2, 4) that no output depends on",
                                               "v (4, 3): its gradient is exactly zero everywhere"}));
}

TEST_F(AuditTest, UnusedOutputsOfOneKindAreCounted) {
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    for (int i = 0; i < 3; ++i) linear(in[0], in[1]);
    return {linear(in[0], in[1])};
  };
  EXPECT_EQ(texts(function, {x, w}),
            Texts{"linear with x, w computes a tensor (2, 4) that no output depends on (3 times)"});
}

// With one position there is one weight, and it is 1: queries and keys don't matter.
TEST_F(AuditTest, AttentionOverOnePosition) {
  const Tensor q = random_leaf("q", {2, 1, 3}), k = random_leaf("k", {2, 1, 3}), v = random_leaf("v", {2, 1, 3});
  const TensorFunction function = [](const TensorList& in) -> TensorList {
    return {scaled_dot_product_attention(in[0], in[1], in[2])};
  };
  EXPECT_EQ(texts(function, {q, k, v}), (Texts{"q (2, 1, 3): its gradient is exactly zero everywhere",
                                               "k (2, 1, 3): its gradient is exactly zero everywhere"}));
}

// A segment that is computed again is audited as if it stood there itself.
TEST_F(AuditTest, Recomputation) {
  const TensorFunction function = [this](const TensorList& in) -> TensorList {
    const auto segment = [this](const TensorList& in) { return tanh(linear(in[0], w)); };
    return {recompute(segment, {square(in[0])})};
  };
  EXPECT_EQ(texts(function, {x, w}), Texts{});
  const TensorFunction twice = [this](const TensorList& in) -> TensorList {
    const auto inner = [this](const TensorList& in) { return tanh(linear(in[0], w)); };
    const auto outer = [inner](const TensorList& in) { return exp(recompute(inner, {square(in[0])})); };
    return {recompute(outer, {in[0]})};
  };
  EXPECT_EQ(texts(twice, {x, w}), Texts{});
  const TensorFunction cut = [this](const TensorList& in) -> TensorList {
    const auto segment = [this](const TensorList& in) {
      const Tensor unused = exp(in[0]);
      return tanh(linear(in[0], w)) * linear(detach(in[0]), w);
    };
    return {recompute(segment, {square(in[0])})};
  };
  EXPECT_EQ(texts(cut, {x, w}),
            (Texts{"linear with w takes a detached tensor (2, 3): through it no gradient flows back to what it "
                   "was made from",
                   "exp computes a tensor (2, 3) that no output depends on"}));
}

}  // namespace
}  // namespace transformlet
