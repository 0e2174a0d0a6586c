#include "optim/clip.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "base/random.h"
#include "optim/config.h"
#include "tests/golden.h"

namespace transformlet {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TensorList gradients_of(const GoldenCase& golden, DType dtype) {
  TensorList gradients;
  for (const char* name : {"w", "b"}) {
    const GoldenArray& array = golden.inputs.at(name);
    gradients.push_back(tensor(array.data, Shape(array.shape), dtype));
  }
  return gradients;
}

void expect_golden(const GoldenCase& golden, const TensorList& clipped, double tolerance) {
  EXPECT_LT(golden_error(golden.outputs.at("w"), clipped[0].to_vector()), tolerance);
  EXPECT_LT(golden_error(golden.outputs.at("b"), clipped[1].to_vector()), tolerance);
}

struct Precision {
  DType dtype;
  double tolerance;
};
const Precision precisions[] = {{DType::float64, golden_tolerance_float64}, {DType::float32, golden_tolerance_float32}};

TEST(Clip, NormIsTorchs) {
  const std::vector<GoldenCase> cases = load_golden("optimizers.json");
  for (const char* name : {"clip_norm_above", "clip_norm_below", "clip_norm_zero"}) {
    const GoldenCase& golden = golden_case(cases, name);
    for (const auto& [dtype, tolerance] : precisions) {
      SCOPED_TRACE(fmt::format("{} in {}", name, name_of(dtype)));
      const TensorList gradients = gradients_of(golden, dtype);
      const double norm = global_norm(gradients);
      EXPECT_LT(golden_error(golden.outputs.at("total_norm"), std::vector{norm}), golden_tolerance_float64);
      const double scale = clip_scale(norm, golden.settings.at("max_norm"));
      expect_golden(golden, {gradients[0] * scale, gradients[1] * scale}, tolerance);
    }
  }
}

// A step with a scale is a step with gradients that were scaled before.
TEST(Clip, TheOptimizerTakesTheScale) {
  const TensorList gradients = {tensor({3, -4}, {2}, DType::float64)};
  const double scale = clip_scale(global_norm(gradients), 1.0);
  EXPECT_EQ(scale, 1.0 / (5.0 + 1e-6));
  const Tensor w = leaf(zeros({2}, DType::float64), "w");
  make_optimizer(SgdConfig(), {{w, true}})->step(gradients, 0.5, scale);
  EXPECT_EQ(w.to_vector(), (std::vector<double>{-0.5 * (scale * 3), 0.5 * (scale * 4)}));
}

TEST(Clip, ValueIsTorchs) {
  const std::vector<GoldenCase> cases = load_golden("optimizers.json");
  const GoldenCase& golden = golden_case(cases, "clip_value");
  for (const auto& [dtype, tolerance] : precisions) {
    const TensorList gradients = gradients_of(golden, dtype);
    const TensorList clipped = clip_by_value(gradients, golden.settings.at("max_value"));
    expect_golden(golden, clipped, tolerance);
    EXPECT_EQ(gradients[0].to_vector(), golden.inputs.at("w").data);  // as they were
  }
}

TEST(Clip, ValueKeepsNan) {
  const TensorList clipped = clip_by_value({tensor({nan, infinity, -infinity, 1}, {4}, DType::float32)}, 2.0);
  const std::vector<double> values = clipped[0].to_vector();
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(std::vector<double>(values.begin() + 1, values.end()), (std::vector<double>{2, -2, 1}));
}

TEST(Clip, NormDoesNotDependOnThreads) {
  RandomStream stream(RandomKey(3));
  std::vector<double> values(100'003);
  for (double& value : values) value = stream.normal();
  const int before = omp_get_max_threads();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const TensorList gradients = {tensor(values, {100'003}, dtype), full({3}, 0.1, dtype)};
    omp_set_num_threads(1);
    const double one = global_norm(gradients);
    omp_set_num_threads(2);
    EXPECT_EQ(one, global_norm(gradients));
  }
  omp_set_num_threads(before);
}

// The squares of float32 are summed in double: they neither overflow nor drown in a long sum.
TEST(Clip, NormOfFloat32IsSummedInDouble) {
  EXPECT_NEAR(global_norm({full({4}, 1e30, DType::float32)}), 2e30, 1e24);
  EXPECT_NEAR(global_norm({full({1 << 20}, 1.0, DType::float32), full({1}, 1e-3, DType::float32)}),
              std::sqrt((1 << 20) + 1e-6), 1e-12);
}

TEST(Clip, ScaleWithoutLargestNormIsOne) {
  EXPECT_EQ(clip_scale(1e9, std::nullopt), 1.0);
  EXPECT_EQ(clip_scale(0.0, 1e-9), 1e-9 / 1e-6);  // torch's epsilon shows
  EXPECT_EQ(global_norm({}), 0.0);
}

TEST(Clip, ANormThatIsNotFiniteIsSeen) {
  const double of_nan = global_norm({tensor({1, nan}, {2}, DType::float32)});
  const double of_infinity = global_norm({tensor({1, -infinity}, {2}, DType::float64)});
  EXPECT_EQ(error_of([&] { clip_scale(of_nan, 1.0); }), "clip_scale: the norm of the gradients is nan");
  EXPECT_EQ(error_of([&] { clip_scale(of_infinity, 1.0); }), "clip_scale: the norm of the gradients is inf");
  EXPECT_EQ(error_of([&] { clip_scale(of_infinity, std::nullopt); }), "clip_scale: the norm of the gradients is inf");
}

TEST(Clip, UndefinedGradientsAreErrors) {
  const TensorList gradients = {scalar(1, DType::float32), Tensor()};
  EXPECT_EQ(error_of([&] { global_norm(gradients); }), "global_norm: gradient number 1 is undefined");
  EXPECT_EQ(error_of([&] { clip_by_value(gradients, 1.0); }), "clip_by_value: gradient number 1 is undefined");
}

}  // namespace
}  // namespace transformlet
