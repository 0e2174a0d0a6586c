#include <gtest/gtest.h>
#include "autograd/ops.h"
namespace transformlet {
TEST(Smoke, Runs) {
  Tensor x = leaf(tensor({1, 2, 3}, {3}, DType::float64));
  EXPECT_EQ(grad(sum(square(x)), {x})[0].to_vector(), (std::vector<double>{2, 4, 6}));
}
}  // namespace transformlet
