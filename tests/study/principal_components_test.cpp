// Principal components, against points whose axes are known and against singular values.
#include "study/principal_components.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops.h"
#include "study/linear_algebra.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// Four points at the ends of a cross, turned by the rotation (0.6, -0.8; 0.8, 0.6) and moved: its long arm is 5, its
// short one 2, so the variances are as 25 to 4.
TEST(PrincipalComponents, AreTheAxesOfACross) {
  const Tensor points = tensor({7 + 5 * 0.6, 1 + 5 * 0.8, 7 - 5 * 0.6, 1 - 5 * 0.8,  //
                                7 - 2 * 0.8, 1 + 2 * 0.6, 7 + 2 * 0.8, 1 - 2 * 0.6},
                               {4, 2}, DType::float64);
  const PrincipalComponents found = principal_components(points);
  const std::vector<double> expected = {5, 0, -5, 0, 0, 2, 0, -2};
  for (size_t axis = 0; axis < 2; ++axis) {
    // Which end is above 0 is a matter of rounding: both are equally far.
    const double sign = found.coordinates[axis == 0 ? 0 : 5] > 0 ? 1 : -1;
    for (size_t i = axis; i < 8; i += 2) EXPECT_NEAR(sign * found.coordinates[i], expected[i], 1e-12) << i;
  }
  EXPECT_NEAR(found.explained[0], 25.0 / 29, 1e-14);
  EXPECT_NEAR(found.explained[1], 4.0 / 29, 1e-14);
}

// Of centred rows the variances are squares of singular values; and both forms, of few rows and of many, agree.
TEST(PrincipalComponents, AreThoseOfTheSingularValues) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{40, 7}, {7, 40}, {2, 9}, {9, 2}}) {
    const Tensor x = random_tensor("rows", {rows, columns});
    const NoRecording off;
    const Tensor centred = x - mean(x, {0}, true);
    const std::vector<double> values = singular_values({centred})[0];
    double sum = 0;
    for (const double value : values) sum += value * value;
    const PrincipalComponents found = principal_components(x);
    for (size_t axis = 0; axis < 2; ++axis) {
      double squares = 0, total = 0, greatest = 0;
      for (size_t i = axis; i < found.coordinates.size(); i += 2) {
        squares += found.coordinates[i] * found.coordinates[i];
        total += found.coordinates[i];
        if (std::abs(found.coordinates[i]) > std::abs(greatest)) greatest = found.coordinates[i];
      }
      // LAPACK's errors are some rounding units of the largest eigenvalue, about 100; roots of small ones lose half.
      EXPECT_NEAR(squares, values[axis] * values[axis], 1e-11) << rows << " x " << columns;
      EXPECT_NEAR(total, 0, 1e-6);
      EXPECT_NEAR(found.explained[axis], values[axis] * values[axis] / sum, 1e-13);
      EXPECT_GE(greatest, 0);
    }
  }
}

TEST(PrincipalComponents, OfEqualRowsAreZeros) {
  const PrincipalComponents found = principal_components(full({5, 3}, 0.25, DType::float32));
  EXPECT_EQ(found.explained, (std::vector<double>{0, 0}));
  for (const double coordinate : found.coordinates) EXPECT_EQ(coordinate, 0);
  EXPECT_THROW(principal_components(tensor({1, NAN, 2, 3}, {2, 2}, DType::float64)), Error);
}

}  // namespace
}  // namespace transformlet
