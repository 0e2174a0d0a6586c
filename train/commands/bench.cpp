#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iostream>
#include <numeric>
#include <optional>

#include "autograd/kernels/buffer.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/durable_file.h"
#include "train/environment.h"
#include "train/profile_table.h"
#include "train/step_export.h"
#include "train/stopwatch.h"
#include "train/threads.h"

namespace transformlet {
namespace {

// The side of the square product whose best time is called the machine's peak. Larger ones are no faster.
constexpr int64_t peak_size = 1024;

constexpr int64_t steps_until_pool_is_full = 3;

// The seconds of a part of the step, one number for each step.
struct Part {
  std::string name;
  std::vector<double> seconds = {};

  double mean() const { return std::reduce(seconds.begin(), seconds.end()) / static_cast<double>(seconds.size()); }

  // The smallest number that at least this share of the steps does not exceed.
  double quantile(double share) const {
    std::vector<double> sorted = seconds;
    std::ranges::sort(sorted);
    const double place = std::ceil(share * static_cast<double>(sorted.size())) - 1;
    return sorted[static_cast<size_t>(std::max(0.0, place))];
  }
};

// The most that the process ever had in memory, in bytes. Not getrusage's number: that of a program which was started
// by a larger one is the larger one's.
double peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  }
  fail("bench: /proc/self/status does not say how much memory the process had (VmHWM)");
}

// Operations a second in the best of several large products, in all threads.
double measure_peak(DType dtype) {
  const Tensor a = full({peak_size, peak_size}, 1.0, dtype), b = full({peak_size, peak_size}, 1.0, dtype);
  double best = INFINITY, all = 0;
  for (int i = 0; i < 20 && all < 1.0; ++i) {
    Stopwatch stopwatch;
    matmul(a, b);
    const double seconds = stopwatch.lap();
    best = std::min(best, seconds);
    all += seconds;
  }
  return 2.0 * peak_size * peak_size * peak_size / best;
}

// The steps of one config, and what was measured on them.
class Bench {
 public:
  Bench(const BenchArguments& arguments, ExperimentConfig& config)
      : arguments_(arguments),
        config_(config),
        threads_(set_threads(config.train.threads)),
        experiment_(config),
        take_step_(config, experiment_) {
    if (!arguments.export_folder.empty()) export_.emplace(arguments.export_folder, config, experiment_);
  }

  void run() {
    for (int64_t i = 0; i < arguments_.warm_up - 1; ++i) step(i, false);
    Profile products;
    {
      const Profiling on(products);
      step(arguments_.warm_up - 1, false);
    }
    operations_ = products.product_operations();

    std::optional<Profiling> profiling;
    if (arguments_.profile) profiling.emplace(profile_);
    for (int64_t i = 0; i < arguments_.steps; ++i) step(arguments_.warm_up + i, true);
    profiling.reset();
    pool_requests_ = pool_statistics().system_allocations - full_pool_requests_;
    resident_bytes_ = peak_resident_bytes();
    peak_ = measure_peak(config_.dtype());
    if (export_) export_->finish();
  }

  void print() const {
    std::cout << fmt::format("{}: {} steps after {} to warm up; {} parameters, {} tokens a step, {}, {} threads\n\n",
                             arguments_.config, arguments_.steps, arguments_.warm_up, experiment_.parameters.count(),
                             tokens_, config_.train.dtype, threads_);
    std::cout << fmt::format("{:<12} {:>10} {:>10} {:>10}\n", "ms", "median", "10 %", "90 %");
    for (const Part* const part : parts()) {
      std::cout << fmt::format("{:<12} {:>10.3f} {:>10.3f} {:>10.3f}\n", part->name, 1e3 * part->quantile(0.5),
                               1e3 * part->quantile(0.1), 1e3 * part->quantile(0.9));
    }
    std::cout << fmt::format("\n{:.0f} tokens/s\n", tokens_per_second());
    std::cout << fmt::format(
        "{:.3g} GFLOP of matrix products a step: {:.1f} GFLOP/s, {:.0f} % of the {:.1f} of a {} x {} product\n",
        1e-9 * operations_, 1e-9 * operations_per_second(), 100 * operations_per_second() / peak_, 1e-9 * peak_,
        peak_size, peak_size);
    std::cout << fmt::format("{:.1f} MB of memory at most; after step {} the pool asked the system for more {} times\n",
                             1e-6 * resident_bytes_, steps_until_pool_is_full, pool_requests_);
    if (arguments_.profile) {
      std::cout << '\n' << profile_table(profile_, step_.mean() * static_cast<double>(arguments_.steps));
    }
  }

  JsonFields fields() const {
    JsonFields fields = {{"config", arguments_.config},         {"steps", arguments_.steps},
                         {"warm_up_steps", arguments_.warm_up}, {"parameters", experiment_.parameters.count()},
                         {"tokens_per_step", tokens_},          {"dtype", config_.train.dtype}};
    for (const Part* const part : parts()) {
      fields.push_back({part->name + "_ms/mean", 1e3 * part->mean()});
      fields.push_back({part->name + "_ms/median", 1e3 * part->quantile(0.5)});
      fields.push_back({part->name + "_ms/10_percent", 1e3 * part->quantile(0.1)});
      fields.push_back({part->name + "_ms/90_percent", 1e3 * part->quantile(0.9)});
    }
    fields.push_back({"tokens_per_s", tokens_per_second()});
    fields.push_back({"gflop_per_step", 1e-9 * operations_});
    fields.push_back({"gflop_per_s", 1e-9 * operations_per_second()});
    fields.push_back({"peak_gflop_per_s", 1e-9 * peak_});
    fields.push_back({"share_of_peak", operations_per_second() / peak_});
    fields.push_back({"peak_resident_mb", 1e-6 * resident_bytes_});
    fields.push_back({"pool_requests_after_step_3", pool_requests_});
    for (const JsonField& field : describe_environment(threads_)) fields.push_back(field);
    return fields;
  }

 private:
  void step(int64_t number, bool timed) {
    const int64_t step = number % config_.train.max_steps;
    Stopwatch stopwatch;
    const StepResult result = take_step_(step);
    const double seconds = stopwatch.lap();
    require(!result.diverged(), "bench: diverged at step {}: the loss is {} and the gradient's norm {}", number + 1,
            result.loss, result.gradient_norm);
    tokens_ = result.tokens;
    if (export_) export_->add(step, result);
    if (number + 1 == steps_until_pool_is_full) full_pool_requests_ = pool_statistics().system_allocations;
    if (!timed) return;
    batch_.seconds.push_back(result.seconds.batch);
    forward_.seconds.push_back(result.seconds.forward);
    backward_.seconds.push_back(result.seconds.backward);
    optimizer_.seconds.push_back(result.seconds.optimizer);
    compute_.seconds.push_back(seconds - result.seconds.batch);
    step_.seconds.push_back(seconds);
  }

  std::array<const Part*, 6> parts() const { return {&batch_, &forward_, &backward_, &optimizer_, &compute_, &step_}; }
  double tokens_per_second() const { return static_cast<double>(tokens_) / step_.quantile(0.5); }
  double operations_per_second() const { return operations_ / step_.quantile(0.5); }

  const BenchArguments& arguments_;
  const ExperimentConfig& config_;
  int threads_;
  Experiment experiment_;
  TrainingStep take_step_;
  std::optional<StepExport> export_;

  Part batch_{"batch"}, forward_{"forward"}, backward_{"backward"}, optimizer_{"optimizer"};
  Part compute_{"compute"};  // the step without the making of its batch
  Part step_{"step"};
  Profile profile_;
  int64_t tokens_ = 0;     // in a step
  double operations_ = 0;  // of matrix products in a step
  double peak_ = 0;        // operations a second
  double resident_bytes_ = 0;
  int64_t full_pool_requests_ = 0, pool_requests_ = 0;
};

}  // namespace

int bench_command(const BenchArguments& arguments) {
  ExperimentConfig config = read_config_file<ExperimentConfig>(arguments.config, arguments.overrides);
  std::optional<OutputFile> json;  // if it can't be opened, that is said before minutes of work
  if (!arguments.json.empty()) json.emplace(arguments.json, O_WRONLY | O_CREAT | O_TRUNC);
  Bench bench(arguments, config);
  bench.run();
  bench.print();
  if (json) json->write(json_lines(bench.fields()));
  return 0;
}

}  // namespace transformlet
