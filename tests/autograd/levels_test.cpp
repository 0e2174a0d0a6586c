// Every op on every instruction set: values and gradients against those of the references, on the plainest one.
#include "autograd/kernels/level.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tests/autograd/op_runs.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using kernels::Level;

class UseLevel {
 public:
  explicit UseLevel(Level level) { kernels::use_level(level); }
  ~UseLevel() { kernels::use_level(before_); }
  UseLevel(const UseLevel&) = delete;
  UseLevel& operator=(const UseLevel&) = delete;

 private:
  const Level before_ = kernels::level();
};

class LevelTest : public testing::TestWithParam<OpSample> {};

// The outputs by the reference (those of a primitive: by itself), and its gradients.
Results by_reference(const OpSample& sample) {
  Results expected = run(sample, DType::float64, true);
  const NodePointer node = expected.outputs.front().body().node;
  if (node != nullptr && node->reference && !node->released) {
    const NoRecording off;
    expected.outputs = node->reference(node->kept_inputs);
  }
  return expected;
}

// The bounds are those of catalogue_test.cpp.
TEST_P(LevelTest, OpsAgreeWithTheirReferences) {
  Results expected;
  {
    const UseLevel plainest(Level::baseline);
    expected = by_reference(GetParam());
  }
  for (const Level level : kernels::available_levels()) {
    SCOPED_TRACE(kernels::name_of(level));
    const UseLevel forced(level);
    const Results wide = run(GetParam(), DType::float64), narrow = run(GetParam(), DType::float32);
    EXPECT_LT(distance(expected.outputs, wide.outputs), 1e-12);
    EXPECT_LT(distance(expected.gradients, wide.gradients), 1e-12);
    EXPECT_LT(distance(expected.outputs, narrow.outputs), 1e-4);
    EXPECT_LT(distance(expected.gradients, narrow.gradients), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, LevelTest, testing::ValuesIn(valid_samples()),
                         [](const auto& info) { return info.param.full_name(); });

TEST(Levels, OneThatTheMachineLacksIsRefused) {
  if (kernels::available_levels().back() == Level::avx512) GTEST_SKIP() << "this machine has them all";
  EXPECT_EQ(error_text([] { kernels::use_level(Level::avx512); }),
            "this machine does not have the instruction set avx512");
}

}  // namespace
}  // namespace transformlet
