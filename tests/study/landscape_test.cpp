// The loss between and around weights, on losses that are known, and on networks whose scale means nothing.
#include "study/landscape.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops.h"

namespace transformlet {
namespace {

struct Weights {
  Weights(const std::vector<double>& matrix, const Shape& shape, const std::vector<double>& bias, DType dtype) {
    const auto length = static_cast<int64_t>(bias.size());
    parameters.add({leaf(tensor(matrix, shape, dtype), "matrix"), ParameterKind::weight});
    parameters.add({leaf(tensor(bias, {length}, dtype), "bias"), ParameterKind::bias});
  }
  const Tensor& matrix() const { return parameters.list()[0].value; }
  const Tensor& bias() const { return parameters.list()[1].value; }
  TensorList values() const { return {copy(matrix()), copy(bias())}; }

  Parameters parameters;
};

TensorList points(const std::vector<double>& matrix, const std::vector<double>& bias, DType dtype) {
  return {tensor(matrix, {1, static_cast<int64_t>(matrix.size())}, dtype),
          tensor(bias, {static_cast<int64_t>(bias.size())}, dtype)};
}

// Two wells at -1 and 1, with 1 between them: (w^2 - 1)^2, and from w = -1 to 1 at a: (1 - (2a - 1)^2)^2.
TEST(Landscape, TheBarrierOfADoubleWellIsOne) {
  Weights w({3}, {1, 1}, {0}, DType::float64);
  const auto loss = [&] { return std::pow(w.matrix().item() * w.matrix().item() - 1, 2); };
  const auto line =
      loss_on_line(w.parameters, points({-1}, {0}, DType::float64), points({1}, {0}, DType::float64), 9, loss);
  ASSERT_EQ(line.size(), 9u);
  for (const LandscapePoint& point : line) {  // eighths are exact in binary, and so is all that is made of them here
    EXPECT_EQ(point.loss, std::pow(std::pow(2 * point.x - 1, 2) - 1, 2)) << point.x;
  }
  EXPECT_EQ(barrier(line).x, 0.5);
  EXPECT_EQ(barrier(line).loss, 1);
  EXPECT_EQ(w.matrix().item(), 3) << "the weights were to come back";
}

// The straight line goes from one end's loss to the other's: 4 a (1 - a) above it, and a slope below it.
TEST(Landscape, TheBarrierIsAboveTheStraightLine) {
  Weights w({0}, {1, 1}, {0}, DType::float64);
  const auto loss = [&] {
    const double a = w.matrix().item();
    return 10 * a + 4 * a * (1 - a);
  };
  const auto line =
      loss_on_line(w.parameters, points({0}, {0}, DType::float64), points({1}, {0}, DType::float64), 17, loss);
  EXPECT_EQ(barrier(line).x, 0.5);
  EXPECT_EQ(barrier(line).loss, 1);
  EXPECT_EQ(line.back().loss, 10);
}

// A convex loss has none: the squared error of a linear model, between random weights, in float32.
TEST(Landscape, AConvexLossHasNoBarrier) {
  RandomStream random(RandomKey(1));
  for (int trial = 0; trial < 20; ++trial) {
    const auto draw = [&] { return std::vector<double>{random.normal(), random.normal(), random.normal()}; };
    Weights w(draw(), {1, 3}, draw(), DType::float32);
    const std::vector<double> x = draw();
    const auto loss = [&] {
      double error = -1;
      const std::vector<double> matrix = w.matrix().to_vector(), bias = w.bias().to_vector();
      for (size_t i = 0; i < 3; ++i) error += matrix[i] * x[i] + bias[i];
      return error * error;
    };
    const auto line = loss_on_line(w.parameters, points(draw(), draw(), DType::float32),
                                   points(draw(), draw(), DType::float32), 21, loss);
    // Weights are rounded to float32 at each point: to 2^-24 of their size, here a few times at most.
    const double scale = std::max({1.0, line.front().loss, line.back().loss});
    EXPECT_LE(barrier(line).loss, 1e-6 * scale);
  }
}

TEST(Landscape, NothingLiesBetweenEqualWeights) {
  RandomStream random(RandomKey(2));
  for (const DType dtype : {DType::float32, DType::float64}) {
    Weights w({random.normal(), 1e-30, 0.1}, {1, 3}, {random.normal(), 1e30, 0.3}, dtype);
    const TensorList same = w.values();
    const std::vector<double> matrix = same[0].to_vector(), bias = same[1].to_vector();
    const auto loss = [&] {
      EXPECT_EQ(w.matrix().to_vector(), matrix);
      EXPECT_EQ(w.bias().to_vector(), bias);
      return 0.1 + w.matrix().to_vector()[0];
    };
    const auto line = loss_on_line(w.parameters, same, same, 21, loss);
    EXPECT_EQ(barrier(line).loss, 0);
    EXPECT_EQ(barrier(line).x, 0);
  }
}

TEST(Landscape, ALossThatIsNoNumberIsInfinitelyHigh) {
  EXPECT_EQ(barrier({{0, 0, 1}, {0.5, 0, NAN}, {1, 0, 1}}).loss, INFINITY);
  EXPECT_EQ(barrier({{0, 0, 1}, {0.5, 0, INFINITY}, {1, 0, 1}}).loss, INFINITY);
}

TEST(Landscape, DirectionsHaveTheNormOfEachFilter) {
  Weights w({3, 4, 0, 0, 0, 0, 0.5, 0, 0}, {3, 3}, {1, 2, 3}, DType::float32);
  const TensorList d = filter_normalised_direction(w.parameters, RandomKey(5));
  const std::vector<double> matrix = d[0].to_vector();
  const double norms[] = {5, 0, 0.5};
  for (size_t row = 0; row < 3; ++row) {
    const double norm = std::hypot(matrix[3 * row], matrix[3 * row + 1], matrix[3 * row + 2]);
    EXPECT_NEAR(norm, norms[row], 1e-14 * norms[row]);  // some roundings of float64
  }
  EXPECT_EQ(d[1].to_vector(), std::vector<double>(3, 0.0));
  EXPECT_NE(filter_normalised_direction(w.parameters, RandomKey(6))[0].to_vector(), matrix);
  EXPECT_EQ(filter_normalised_direction(w.parameters, RandomKey(5))[0].to_vector(), matrix);
}

// On w' w / 2 the plane is known: (|w|^2 + x^2 |d|^2 + y^2 |e|^2) / 2 + x wd + y we + xy de.
TEST(Landscape, APlaneOfAQuadratic) {
  Weights w({1, -2, 0.5, 3}, {2, 2}, {0.25}, DType::float64);
  const TensorList d = filter_normalised_direction(w.parameters, RandomKey(1)),
                   e = filter_normalised_direction(w.parameters, RandomKey(2));
  const auto dot = [](const TensorList& a, const TensorList& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t k = 0; k < a[i].to_vector().size(); ++k) sum += a[i].to_vector()[k] * b[i].to_vector()[k];
    }
    return sum;
  };
  const TensorList own = w.values();
  const auto loss = [&] { return dot(w.values(), w.values()) / 2; };
  const auto plane = loss_on_plane(w.parameters, d, e, 1.5, 5, loss);
  ASSERT_EQ(plane.size(), 25u);
  EXPECT_EQ(plane.front().x, -1.5);
  EXPECT_EQ(plane.front().y, -1.5);
  EXPECT_EQ(plane[1].x, -0.75);
  EXPECT_EQ(plane[1].y, -1.5);
  EXPECT_EQ(plane[12].loss, dot(own, own) / 2);
  for (const auto& [x, y, found] : plane) {
    const double expected = (dot(own, own) + x * x * dot(d, d) + y * y * dot(e, e)) / 2 + x * dot(own, d) +
                            y * dot(own, e) + x * y * dot(d, e);
    EXPECT_NEAR(found, expected, 1e-13 * dot(own, own));  // some roundings of float64
  }
  EXPECT_EQ(w.matrix().to_vector(), own[0].to_vector());
}

// What the filters' norms are for: relu(x A') B' is the same function with 8 A and B / 8, and has the same plane, while
// with plain random directions it would not (Li et al. 2018, section 3). Powers of two change no bit.
TEST(Landscape, APlaneDoesNotSeeTheScaleOfANetwork) {
  const auto plane = [](double scale) {
    Parameters parameters;
    RandomStream random(RandomKey(9));
    const auto draw = [&](const Shape& shape, double times) {
      std::vector<double> values(static_cast<size_t>(shape.size()));
      for (double& value : values) value = times * random.normal();
      return tensor(values, shape, DType::float32);
    };
    const Tensor a = leaf(draw({6, 4}, scale), "a"), b = leaf(draw({3, 6}, 1 / scale), "b"), x = draw({5, 4}, 1);
    parameters.add({a, ParameterKind::weight});
    parameters.add({b, ParameterKind::weight});
    const auto loss = [&] {
      const NoRecording off;
      return mean(square(matmul(relu(matmul(x, a, false, true)), b, false, true))).item();
    };
    return loss_on_plane(parameters, filter_normalised_direction(parameters, RandomKey(1)),
                         filter_normalised_direction(parameters, RandomKey(2)), 1, 5, loss);
  };
  const auto one = plane(1), other = plane(8);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].loss, other[i].loss) << i;
  EXPECT_NE(one[0].loss, one[1].loss);
}

}  // namespace
}  // namespace transformlet
