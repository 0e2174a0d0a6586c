// Probes of curvature in a run: that they change nothing, and that they measure the step which then comes.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

// The lines of metrics.jsonl after each step, those of one step joined.
std::map<int64_t, Json> metrics_by_step(const std::filesystem::path& run) {
  std::map<int64_t, Json> result;
  for (const std::string& line : lines_of(metrics_of(run))) {
    const Json fields = Json::parse(line);
    result[fields.at("step").get<int64_t>()].update(fields);
  }
  return result;
}

class CurvatureOfARun : public testing::Test {
 protected:
  CurvatureOfARun() { write_bytes(folder.path / "small.yaml", small_config); }

  std::map<int64_t, Json> metrics(const std::string& name) const { return metrics_by_step(folder.path / name); }

  TemporaryFolder folder;
};

TEST_F(CurvatureOfARun, ChangesNothing) {
  train_run(folder.path, "small.yaml", "plain", {"train.max_steps=20"});
  train_run(folder.path, "small.yaml", "watched",
            {"train.max_steps=20", "probes.curvature={every: 5, iterations: 4, preconditioned: true}",
             "probes.critical_sharpness.every=5", "probes.noise_scale={every: 5, groups: 4}"});
  EXPECT_EQ(checkpoints_of(folder.path / "watched"), checkpoints_of(folder.path / "plain"));
  const auto watched = metrics("watched");
  for (const int64_t step : {0, 5, 20}) {
    EXPECT_TRUE(watched.at(step).contains("curvature/sharpness")) << step;
    EXPECT_EQ(watched.at(step).contains("curvature/preconditioned_sharpness"), step > 0) << step;
    EXPECT_TRUE(watched.at(step).contains("noise_scale/covariance")) << step;
  }
}

// All examples in each batch, so that a step's loss and the next one's are of the same function: it rises where the
// learning rate is above the critical one, with momentum, decay and clipping on the way. Rates within 1 % of each other
// tell nothing.
TEST_F(CurvatureOfARun, TellsWhetherTheNextStepRaisesTheLoss) {
  train_run(folder.path, "small.yaml", "run",
            {"task.train_size=20", "model.dropout=0", "model.input_dropout=0",
             "optimizer={name: sgd, momentum: 0.5, learning_rate: 0.6, clip_norm: 1, weight_decay: 0.01}",
             "train.batch_size=20", "train.micro_batches=3", "train.dtype=float64", "train.log_every=1",
             "probes.critical_sharpness.every=1", "schedule={name: linear}"});
  const auto lines = metrics("run");
  int rises = 0, falls = 0;
  for (int64_t step = 1; step + 2 <= 60; ++step) {
    const Json& line = lines.at(step);
    if (!line.contains("critical_sharpness/rate_ratio")) continue;
    const double ratio = line.at("critical_sharpness/rate_ratio");
    if (std::abs(ratio - 1) < 0.01) continue;
    // What is logged after a step is the loss from before it.
    const bool has_risen = lines.at(step + 2).at("train/loss") > lines.at(step + 1).at("train/loss");
    EXPECT_EQ(has_risen, ratio > 1) << step;
    ++(has_risen ? rises : falls);
  }
  EXPECT_GE(rises, 5);
  EXPECT_GE(falls, 5);
}

// |mean|^2 = |G|^2 + tr(S) / B holds between the estimates exactly, whatever the groups, and the mean is the gradient
// that the next step logs, dropout and parts of the batch included. 2 groups of 16 and parts of 10 and 11 samples.
TEST_F(CurvatureOfARun, MeasuresNoiseAroundTheNextStepsGradient) {
  train_run(folder.path, "small.yaml", "run",
            {"train.max_steps=6", "train.log_every=1", "train.micro_batches=3", "train.dtype=float64",
             "probes.noise_scale={every: 1, groups: 2}"});
  const auto lines = metrics("run");
  for (int64_t step = 0; step < 6; ++step) {
    const double gradient = lines.at(step).at("noise_scale/gradient");
    const double covariance = lines.at(step).at("noise_scale/covariance");
    const double norm = lines.at(step + 1).at("grad/norm");
    EXPECT_NEAR((gradient + covariance / 32) / (norm * norm), 1, 1e-12) << step;
  }
}

// The same of real numbers, each sample by itself, where the loss is a squared error.
TEST_F(CurvatureOfARun, MeasuresNoiseOfRegression) {
  const std::string config = source_path("configs/study/chebyshev.yaml").string();
  train_run(folder.path, config, "run",
            {"train.max_steps=3", "train.log_every=1", "train.micro_batches=3", "train.dtype=float64",
             "probes.noise_scale.every=1"});
  const auto lines = metrics("run");
  for (int64_t step = 0; step < 3; ++step) {
    const double gradient = lines.at(step).at("noise_scale/gradient");
    const double covariance = lines.at(step).at("noise_scale/covariance");
    const double norm = lines.at(step + 1).at("grad/norm");
    EXPECT_NEAR((gradient + covariance / 20) / (norm * norm), 1, 1e-12) << step;
  }
}

}  // namespace
}  // namespace transformlet
