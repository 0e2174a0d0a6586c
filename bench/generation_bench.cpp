// Writing a whole context of 256 tokens, one by one, with and without a cache of keys and values; and what drawing a
// token costs.
#include <benchmark/benchmark.h>

#include "train/config/reader.h"
#include "train/experiment.h"
#include "train/generation.h"

namespace transformlet {
namespace {

constexpr int64_t context = 256;

// The model of configs/bench/char.yaml, with some keys changed. From one token on, to the end of the context.
void generation(benchmark::State& state, const std::vector<std::string>& keys, bool cache) {
  std::vector<std::string> overrides = {"task.seq_len=" + std::to_string(context), "task.train_size=1",
                                        "train.batch_size=1"};
  overrides.insert(overrides.end(), keys.begin(), keys.end());
  ExperimentConfig config =
      read_config_file<ExperimentConfig>(TRANSFORMLET_SOURCE_DIR "/configs/bench/char.yaml", overrides);
  const Experiment experiment(config);
  const GenerationOptions options{.max_tokens = context, .seed = 1, .cache = cache};
  int64_t tokens = 0;
  for (auto _ : state) {
    generate(*experiment.model, context, {0}, options, [&](int32_t) { return ++tokens % context != 0; });
  }
  state.SetItemsProcessed(tokens);
}

void drawing(benchmark::State& state, const SamplingOptions& options) {
  RandomStream random(RandomKey(1) / "logits");
  std::vector<double> logits(static_cast<size_t>(state.range(0)));
  for (double& logit : logits) logit = 3 * random.normal();
  for (auto _ : state) benchmark::DoNotOptimize(sample(logits, options, random.uniform()));
  state.SetItemsProcessed(state.iterations());
}

const bool registered = [] {
  const std::pair<const char*, std::vector<std::string>> schemes[] = {
      {"learned", {"model.position=learned"}},
      {"sinusoidal", {"model.position=sinusoidal"}},
      {"rope", {"model.position=rope"}},
      {"alibi", {"model.position=alibi"}},
      {"window", {"model.position=rope", "model.window=64"}},
      {"large_vocabulary", {"task.vocab_size=50257"}},
  };
  for (const auto& [name, keys] : schemes) {
    for (const bool cache : {true, false}) {
      const std::string full_name = std::string("generation/") + name + (cache ? "/cached" : "/uncached");
      benchmark::RegisterBenchmark(full_name.c_str(), generation, keys, cache)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
  }
  const std::pair<const char*, SamplingOptions> ways[] = {
      {"greedy", {.temperature = 0}}, {"all", {}}, {"top_k_40", {.top_k = 40}}, {"top_p_0.9", {.top_p = 0.9}}};
  for (const auto& [name, options] : ways) {
    const std::string full_name = std::string("drawing/") + name;
    benchmark::RegisterBenchmark(full_name.c_str(), drawing, options)
        ->Arg(65)
        ->Arg(50257)
        ->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
}  // namespace transformlet
