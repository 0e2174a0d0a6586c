// Regression in context: what the sequences hold, and the best predictions against least squares by other means.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/decoder.h"
#include "tests/tensors.h"
#include "tests/train/task_tools.h"
#include "train/evaluation.h"

namespace transformlet {
namespace {

// The vector (in) of an example's place.
std::vector<double> at(const Batch& batch, int64_t example, int64_t place) {
  const int64_t features = batch.values.columns(), first = (example * batch.values.dim(1) + place) * features;
  const double* const data = batch.values.data<double>() + first;
  return {data, data + features};
}

double target(const Batch& batch, const Tensor& of, int64_t example, int64_t place) {
  return of.data<double>()[example * batch.values.dim(1) + place];
}

TEST(InContextRegression, AnswersStandBehindTheirQuestions) {
  const auto task = task_of("name: in_context_regression, features: 3, points: 4");
  const Batch batch = task->batch(Split::train, first(20));
  EXPECT_EQ(batch.values.shape(), (Shape{20, 7, 3}));
  EXPECT_EQ(batch.real_targets.shape(), (Shape{20, 7, 1}));
  EXPECT_EQ(batch.counted_targets(), 80);
  for (int64_t example = 0; example < 20; ++example) {
    for (int64_t place = 1; place < 7; place += 2) {
      const double y = target(batch, batch.real_targets, example, place - 1);
      EXPECT_EQ(at(batch, example, place), (std::vector<double>{y, 0, 0}));
      EXPECT_TRUE(std::isnan(target(batch, batch.real_targets, example, place)));
    }
  }
}

// Without noise: nothing is known of the first, and all behind as many pairs as there are numbers. In between the
// smallest solution is w's part in the span of what was seen: the rest of w x, which is what it misses, is orthogonal.
TEST(InContextRegression, LeastSquaresKnowsWhatWasSeen) {
  const auto task = task_of("name: in_context_regression, features: 3, points: 6");
  const Batch batch = task->batch(Split::train, first(50));
  const Tensor best = task->best_outputs(batch);
  double missed = 0, sum_of_squares = 0;
  for (int64_t example = 0; example < 50; ++example) {
    EXPECT_EQ(target(batch, best, example, 0), 0);
    // After one pair: y_1 x_1 x_2 / |x_1|^2.
    const std::vector<double> x1 = at(batch, example, 0), x2 = at(batch, example, 2);
    double product = 0, square = 0;
    for (size_t i = 0; i < 3; ++i) {
      product += x1[i] * x2[i];
      square += x1[i] * x1[i];
    }
    EXPECT_NEAR(target(batch, best, example, 2), target(batch, batch.real_targets, example, 0) * product / square,
                1e-12);
    for (const int64_t place : {6, 8, 10}) {
      // Three equations with three unknown numbers may be close to singular: rounding times the condition squared.
      EXPECT_NEAR(target(batch, best, example, place), target(batch, batch.real_targets, example, place), 1e-6);
    }
    for (int64_t place = 0; place < 11; place += 2) {
      const double error = target(batch, best, example, place) - target(batch, batch.real_targets, example, place);
      sum_of_squares += error * error;
      missed += place < 6 ? error * error : 0;
    }
  }
  EXPECT_NEAR(*task->best_loss(batch), sum_of_squares, 1e-10);
  EXPECT_GT(missed, 50);
}

// One number after 40 pairs: what even the best prediction misses is the noise, and a 1/40 for what w is not known to.
TEST(InContextRegression, NoiseIsWhatTheBestPredictionMisses) {
  const auto task = task_of("name: in_context_regression, features: 1, points: 41, noise: 0.5");
  const Batch batch = task->batch(Split::train, first(1000));
  const Tensor best = task->best_outputs(batch);
  double squares = 0;
  for (int64_t example = 0; example < 1000; ++example) {
    const double error = target(batch, best, example, 80) - target(batch, batch.real_targets, example, 80);
    squares += error * error / 1000;
  }
  // A mean of 1000 squares of normal numbers deviates by the root of 2 / 1000, 4.5 %: five of those.
  EXPECT_NEAR(squares / (0.25 * (1 + 1 / 40.0)), 1, 0.22);
}

// With noise it is ridge regression: both forms of it, one of which is used with few pairs and one with many, against
// the gradient of |X w - y|^2 + noise^2 |w|^2, which is 0 at the w of the predictions.
TEST(InContextRegression, WithNoiseItIsRidgeRegression) {
  const double noise = 0.7;
  const auto task = task_of("name: in_context_regression, features: 2, points: 6, noise: 0.7");
  const Batch batch = task->batch(Split::train, first(30));
  const Tensor best = task->best_outputs(batch);
  for (int64_t example = 0; example < 30; ++example) {
    for (int64_t known = 0; known < 6; ++known) {
      double a = noise * noise, b = 0, c = noise * noise, u = 0, v = 0;  // (a b; b c) w = (u, v)
      for (int64_t i = 0; i < known; ++i) {
        const std::vector<double> x = at(batch, example, 2 * i);
        const double y = target(batch, batch.real_targets, example, 2 * i);
        a += x[0] * x[0];
        b += x[0] * x[1];
        c += x[1] * x[1];
        u += x[0] * y;
        v += x[1] * y;
      }
      const std::vector<double> x = at(batch, example, 2 * known);
      const double expected = (x[0] * (c * u - b * v) + x[1] * (a * v - b * u)) / (a * c - b * b);
      EXPECT_NEAR(target(batch, best, example, 2 * known), expected, 1e-12) << known;
    }
  }
}

TEST(InContextRegression, ScoresAreByPlace) {
  auto config = read_config_text<ExperimentConfig>(
      "c.yaml",
      "task: {name: in_context_regression, features: 2, points: 3, val_size: 5}\n"
      "model: {kind: decoder, num_layers: 1, num_heads: 1, d_model: 8, tie_embeddings: false}\n"
      "train: {dtype: float64}\n");
  const Experiment experiment(config);
  const Score score = evaluate(*experiment.model, experiment.task, Split::validation, 2);
  const Batch batch = experiment.task.batch(Split::validation, first(5));
  const NoRecording off;
  const Tensor outputs = (*experiment.model)(batch.model_inputs(), Pass::evaluation()),
               best = experiment.task.best_outputs(batch);
  ASSERT_EQ(score.places.size(), 5u);
  double loss = 0;
  for (int64_t place = 0; place < 5; ++place) {
    const PlaceScore& found = score.places[static_cast<size_t>(place)];
    EXPECT_EQ(found.positions, place % 2 == 0 ? 5 : 0);
    double expected = 0, expected_best = 0;
    for (int64_t example = 0; example < 5 && place % 2 == 0; ++example) {
      const double y = target(batch, batch.real_targets, example, place);
      expected += std::pow(target(batch, outputs, example, place) - y, 2);
      expected_best += std::pow(target(batch, best, example, place) - y, 2);
    }
    EXPECT_NEAR(found.loss_sum, expected, 1e-12);
    EXPECT_NEAR(found.best_loss_sum.value_or(0), expected_best, 1e-12);
    loss += expected;
  }
  EXPECT_NEAR(score.loss_sum, loss, 1e-12);
  EXPECT_EQ(score.positions, 15);
}

// One-hot vectors are ids.
TEST(DecoderOfRealVectors, ReadsOneHotVectorsAsIds) {
  Parameters of_ids, of_vectors;
  DecoderOptions options{.blocks = {.num_layers = 1, .num_heads = 2, .d_model = 8, .d_ff = 16}};
  options.tie_embeddings = false;
  const Decoder ids_model(Scope(of_ids, 3, DType::float64), options, {.vocab_size = 4, .classes = 2, .max_length = 5});
  const Decoder vectors_model(Scope(of_vectors, 3, DType::float64), options,
                              {.classes = 2, .max_length = 5, .features = 4});
  const Tokens ids({0, 1, 2, 3, 2}, {1, 5});
  const ModelInputs vectors{.values = one_hot(ids, 4, DType::float32)};
  EXPECT_LT(relative_distance({ids_model(ids, {}, Pass::evaluation())}, {vectors_model(vectors, Pass::evaluation())}),
            1e-14);
}

}  // namespace
}  // namespace transformlet
