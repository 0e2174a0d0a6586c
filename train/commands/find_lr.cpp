#include <fmt/format.h>

#include <cmath>
#include <iostream>

#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/learning_rate_range.h"
#include "train/threads.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

constexpr size_t rows_of_table = 20;

void print(const FindLrArguments& arguments, const LearningRateRange& range) {
  const std::vector<LearningRateRange::Point>& points = range.points();
  std::cout << fmt::format("{}: {} of {} steps with learning rates from {} to {}{}\n\n", arguments.config,
                           points.size(), arguments.steps, arguments.from, arguments.to,
                           range.exploded() ? ", until the loss exploded" : "");
  std::cout << fmt::format("{:>13} {:>10} {:>10}\n", "learning rate", "loss", "smoothed");
  const size_t stride = (points.size() + rows_of_table - 1) / rows_of_table;
  for (size_t i = 0; i < points.size(); ++i) {
    if (i % stride != 0 && i + 1 != points.size()) continue;
    std::cout << fmt::format("{:>13.2e} {:>10.5g} {:>10.5g}\n", points[i].rate, points[i].loss, points[i].smoothed);
  }
  std::cout << '\n';
  if (const std::optional<double> suggestion = range.suggestion()) {
    std::cout << fmt::format("suggestion: optimizer.learning_rate={:.1e}, where the smoothed loss falls fastest\n",
                             *suggestion);
  } else if (range.exploded()) {
    std::cout << "no suggestion: the loss did not fall before it exploded; try a smaller --from, or more steps\n";
  } else {
    std::cout << "no suggestion: the loss did not fall, or falls fastest at the end; try a larger --to\n";
  }
}

}  // namespace

int find_lr_command(const FindLrArguments& arguments) {
  if (!(0 < arguments.from && arguments.from < arguments.to && arguments.to <= 1e6)) {
    throw UsageError(fmt::format("find-lr: --from and --to must be 0 < from < to <= 1e6, not {} and {}", arguments.from,
                                 arguments.to));
  }
  ExperimentConfig config = read_config_file<ExperimentConfig>(arguments.config, arguments.overrides);
  set_threads(config.train.threads);
  Experiment experiment(config);
  TrainingStep take_step(config, experiment);
  LearningRateRange range(arguments.from, arguments.to, arguments.steps);
  for (int64_t step = 0; !range.is_over(); ++step) {
    const StepResult result = take_step(step, range.next_rate());
    range.add(result.diverged() ? INFINITY : result.loss);
  }
  if (range.points().empty()) fail("find-lr: the loss of the first step is not finite");
  print(arguments, range);
  return 0;
}

}  // namespace transformlet
