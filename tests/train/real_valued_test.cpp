// Real-valued data: the mlp and its squared error against PyTorch, batches in parts, and the tasks against closed
// forms.
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/profile.h"
#include "layers/mlp.h"
#include "tests/golden_parameters.h"
#include "tests/train/task_tools.h"
#include "train/evaluation.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

class MlpGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(MlpGolden, OutputsLossAndGradientsMatchPyTorch) {
  const GoldenCase& golden = GetParam();
  const GoldenArray& counted = golden.inputs.at("counted");
  GoldenArray targets = golden.inputs.at("targets");
  for (size_t i = 0; i < targets.data.size(); ++i) {
    if (counted.data[i] == 0) targets.data[i] = std::nan("");
  }
  const Batch batch{.values = golden_tensor(golden.inputs.at("x"), DType::float64),
                    .real_targets = golden_tensor(targets, DType::float64)};
  std::vector<int64_t> widths;
  for (int i = 0; golden.inputs.contains(fmt::format("layers.{}.weight", i + 1)); ++i) {
    widths.push_back(golden.inputs.at(fmt::format("layers.{}.weight", i)).shape[0]);
  }
  const MlpOptions options{.widths = widths,
                           .activation = chosen<MlpActivation>(golden.name, {"identity", "tanh", "relu", "gelu"}),
                           .bias = golden.settings.at("bias") != 0};
  const ModelSizes sizes{.classes = targets.shape.back(), .features = golden.inputs.at("x").shape.back()};
  for (const DType dtype : {DType::float64, DType::float32}) {
    SCOPED_TRACE(name_of(dtype));
    Parameters parameters;
    const Mlp model(Scope(parameters, 0, dtype), options, sizes);
    set_parameters(golden, parameters, dtype);
    const Tensor output = model(batch.model_inputs(), Pass::evaluation());
    const Tensor loss = batch.loss(output) / static_cast<double>(batch.counted_targets());
    expect_golden(golden.outputs.at("output"), output, "output");
    expect_golden(golden.outputs.at("loss"), loss, "loss");
    expect_gradients(golden, {loss}, {golden_tensor(golden.inputs.at("cotangent.loss"), dtype)}, {}, parameters);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, MlpGolden, testing::ValuesIn(load_golden("mlp.json")),
                         [](const auto& info) { return info.param.name; });

TEST(SquaredError, OutputsOfAnotherShapeAreRefused) {
  const Batch batch{.values = zeros({2, 1}, DType::float64), .real_targets = zeros({2, 3}, DType::float64)};
  EXPECT_EQ(error_of([&] {
              batch.loss(zeros({2, 1}, DType::float64));
            }),
            "the model's outputs (2, 1) do not match the real targets (2, 3)");
}

// T_k(cos a) = cos(k a), at points that the recurrence knows nothing of.
TEST(Chebyshev, ValuesAreCosines) {
  for (const int64_t degree : {0, 1, 2, 3, 4, 5, 17}) {
    const auto task = task_of(fmt::format("name: chebyshev, degree: {}, points: 9", degree));
    const Batch batch = task->batch(Split::train, first(9));
    const std::vector<double> x = batch.values.to_vector(), y = batch.real_targets.to_vector();
    EXPECT_EQ(batch.values.shape(), (Shape{9, 1}));
    EXPECT_EQ(x, (std::vector<double>{-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1}));
    // Steps of the recurrence add up errors of at most the degree squared.
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i], std::cos(static_cast<double>(degree) * std::acos(x[i])), 1e-13) << degree << " at " << x[i];
    }
  }
}

// The least squares solution, by Gauss-Jordan elimination: W such that X W^T is nearest to Y.
std::vector<double> least_squares(const Batch& batch) {
  const auto n = static_cast<size_t>(batch.values.columns()), m = static_cast<size_t>(batch.real_targets.columns());
  const std::vector<double> gram = matmul(batch.values, batch.values, true).to_vector(),
                            right = matmul(batch.values, batch.real_targets, true).to_vector();
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i < n; ++i) {
    rows.emplace_back(gram.begin() + static_cast<std::ptrdiff_t>(i * n),
                      gram.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    rows.back().insert(rows.back().end(), right.begin() + static_cast<std::ptrdiff_t>(i * m),
                       right.begin() + static_cast<std::ptrdiff_t>((i + 1) * m));
  }
  for (size_t i = 0; i < n; ++i) {  // positive definite: no pivoting
    const double pivot = rows[i][i];
    for (double& value : rows[i]) value /= pivot;
    for (size_t j = 0; j < n; ++j) {
      const double factor = rows[j][i];
      for (size_t k = 0; j != i && k < n + m; ++k) rows[j][k] -= factor * rows[i][k];
    }
  }
  std::vector<double> result;  // (m, n)
  for (size_t j = 0; j < m; ++j) {
    for (size_t i = 0; i < n; ++i) result.push_back(rows[i][n + j]);
  }
  return result;
}

TEST(LinearRegression, WithoutNoiseTheTeacherIsFoundAndHasItsRank) {
  const auto task = task_of("name: linear_regression, inputs: 3, outputs: 4, rank: 1, noise: 0");
  const Batch batch = task->batch(Split::train, first(50));
  EXPECT_EQ(batch.values.shape(), (Shape{50, 3}));
  EXPECT_EQ(batch.real_targets.shape(), (Shape{50, 4}));
  EXPECT_EQ(task->best_loss(batch), 0);
  const std::vector<double> w = least_squares(batch);
  double largest = 0;
  for (const double value : w) largest = std::max(largest, std::abs(value));
  EXPECT_GT(largest, 0.1);
  for (size_t i = 0; i + 1 < 4; ++i) {  // of rank 1: all determinants of two rows and two columns are 0
    for (size_t j = 0; j + 1 < 3; ++j) {
      EXPECT_NEAR(w[3 * i + j] * w[3 * i + j + 4], w[3 * i + j + 1] * w[3 * i + j + 3], 1e-12);
    }
  }
  const Batch other = task->batch(Split::validation, first(50));  // by the same teacher
  EXPECT_LT(
      relative_distance({tensor(w, {4, 3}, DType::float64)}, {tensor(least_squares(other), {4, 3}, DType::float64)}),
      1e-12);
  EXPECT_NE(other.values.to_vector(), batch.values.to_vector());
}

// Of 40000 numbers of variance 0.25 the mean square is that within 4 deviations of 0.25 sqrt(2 / 40000).
TEST(LinearRegression, TheBestLossIsTheVarianceOfTheNoise) {
  const auto task = task_of("name: linear_regression, inputs: 6, outputs: 4, rank: 3, noise: 0.5, train_size: 10000");
  const Batch batch = task->batch(Split::train, first(10000));
  EXPECT_NEAR(*task->best_loss(batch) / 40000, 0.25, 4 * 0.25 * std::sqrt(2.0 / 40000));
}

// A batch in parts has the loss and the gradients of the whole, and those of a linear model with squared error are
// known: 2 / N (W x - y) x^T.
TEST(RealValuedStep, GradientsAreTheClosedForm) {
  for (const std::string parts : {"1", "3"}) {
    auto config = read_config_text<ExperimentConfig>(
        "c.yaml",
        "task: {name: linear_regression, inputs: 3, outputs: 2, rank: 2, train_size: 8}\n"
        "model: {kind: mlp, num_hidden: 0, bias: false}\n"
        "train: {batch_size: 8, dtype: float64, micro_batches: " +
            parts + "}\n");
    Experiment experiment(config);
    TrainingStep step(config, experiment);
    const Batch batch = experiment.task.batch(Split::train, first(8));
    const Tensor weight = experiment.parameters.tensors().front();
    const TensorList gradients = step.gradients(0);
    const Tensor errors = linear(batch.values, detach(weight)) - batch.real_targets;
    const Tensor expected = affine(matmul(errors, batch.values, true), 2.0 / 16, 0);
    EXPECT_LT(relative_distance({expected}, gradients), 1e-14);
    EXPECT_NEAR(step(0).loss, sum(square(errors)).item() / 16, 1e-14);
  }
}

// As a profile of the step counts them: whole numbers far below 2^53.
TEST(RealValuedStep, OperationsAreThoseOfAStep) {
  auto config = read_config_text<ExperimentConfig>("c.yaml",
                                                   "task: {name: linear_regression, inputs: 7, outputs: 3}\n"
                                                   "model: {kind: mlp, widths: [5, 4]}\ntrain: {batch_size: 6}\n");
  Experiment experiment(config);
  TrainingStep step(config, experiment);
  Profile profile;
  const Profiling on(profile);
  step(0);
  EXPECT_EQ(product_operations(config), profile.product_operations());
  EXPECT_EQ(product_operations(config), 6 * 2 * (2 * 7 * 5 + 3 * 5 * 4 + 3 * 4 * 3));
}

TEST(RealValuedScore, HasALossAndNoAccuracy) {
  auto config =
      read_config_text<ExperimentConfig>("c.yaml",
                                         "task: {name: linear_regression, inputs: 3, outputs: 2, val_size: 7}\n"
                                         "model: {kind: mlp}\ntrain: {dtype: float64}\n");
  const Experiment experiment(config);
  const Score score = evaluate(*experiment.model, experiment.task, Split::validation, 4);
  const Batch batch = experiment.task.batch(Split::validation, first(7));
  const NoRecording off;
  const Tensor errors = (*experiment.model)(batch.model_inputs(), Pass::evaluation()) - batch.real_targets;
  EXPECT_NEAR(score.loss(), sum(square(errors)).item() / 14, 1e-14);
  EXPECT_NEAR(*score.best_loss(), *experiment.task.best_loss(batch) / 14, 1e-14);
  EXPECT_FALSE(score.accuracy().has_value());
  EXPECT_FALSE(score.sequence_accuracy().has_value());
  EXPECT_EQ(accuracy_in_words(score), "14 targets");
}

}  // namespace
}  // namespace transformlet
