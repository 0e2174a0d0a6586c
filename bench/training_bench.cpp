// A whole training step of a config that is shipped: the batch, forward, backward, clipping, the optimiser.
#include <benchmark/benchmark.h>

#include "train/config/reader.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

void training_step(benchmark::State& state, const char* config_name) {
  auto config =
      read_config_file<ExperimentConfig>(std::string(TRANSFORMLET_SOURCE_DIR "/configs/") + config_name + ".yaml");
  Experiment experiment(config);
  TrainingStep take_step(config, experiment);
  int64_t step = 0, tokens = 0;
  for (; step < 20; ++step) take_step(step);  // the pool fills
  for (auto _ : state) {
    const StepResult result = take_step(step++ % config.train.max_steps);
    tokens += result.tokens;
    if (result.diverged()) state.SkipWithError("diverged");
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(training_step, reverse, "reverse")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace transformlet
