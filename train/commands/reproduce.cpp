#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "train/checkpoint.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/experiment.h"
#include "train/findings/outcome.h"
#include "train/run_folder.h"

namespace transformlet {
namespace {

// One training run of a finding.
struct Job {
  std::filesystem::path config, run;
  std::vector<std::string> overrides;

  // Trains it, goes on with what has been begun, or takes what is there already. Returns train's exit status.
  int operator()() const {
    if (!std::filesystem::exists(run / "config.yaml")) {
      TrainArguments arguments;
      arguments.config = config.string();
      arguments.run = run.string();
      arguments.overrides = overrides;
      return train_command(arguments);
    }
    if (read_config_bytes(run / "config.yaml") != write_config(read_config_file<ExperimentConfig>(config, overrides))) {
      throw UsageError(
          fmt::format("reproduce: {} was made from another config; remove it to train it anew", run.string()));
    }
    TrainArguments arguments;
    arguments.resume = run.string();
    return train_command(arguments);
  }
};

class Reproduction {
 public:
  Reproduction(const ReproduceArguments& arguments, std::string name)
      : name_(std::move(name)), folder_(arguments.folder), runs_(std::filesystem::path(arguments.runs) / name_) {
    const std::filesystem::path path = folder_ / (name_ + ".yaml");
    finding_ = read_config_file<PublishedFinding>(path);
    if (arguments.seeds) finding_.seeds = *arguments.seeds;
    for (const auto& [run_name, run] : finding_.runs) {  // a mistake in the last one is to show before the first
      for (const int64_t value : values_of(run)) {
        const Job one = job(run_name, run, 1, value);
        read_config_file<ExperimentConfig>(one.config, one.overrides);
      }
    }
  }

  // Not 0: a run was stopped or failed with this status.
  int train() {
    for (int64_t seed = 1; seed <= finding_.seeds; ++seed) {
      for (const auto& [run_name, run] : finding_.runs) {
        for (const int64_t value : values_of(run)) {
          const Job one = job(run_name, run, seed, value);
          std::cerr << fmt::format("{}: {}\n", name_, one.run.string());
          if (const int status = one()) return status;
        }
      }
    }
    return 0;
  }

  FindingOutcome outcome() const {
    std::map<std::string, std::vector<std::optional<double>>> values;
    for (const auto& [measure_name, measure] : finding_.measures) {
      for (int64_t seed = 1; seed <= finding_.seeds; ++seed) values[measure_name].push_back(measured(measure, seed));
    }
    return {name_, finding_, judge(finding_, values)};
  }

 private:
  static std::vector<int64_t> values_of(const FindingRun& run) {
    return run.over.empty() ? std::vector<int64_t>{0} : run.over;
  }

  Job job(const std::string& run_name, const FindingRun& run, int64_t seed, int64_t value) const {
    std::string folder = run_name;
    std::vector<std::string> overrides = run.set;
    if (!run.sweep.empty()) {
      folder += fmt::format("-{}", value);
      overrides.push_back(fmt::format("{}={}", run.sweep, value));
    }
    overrides.push_back(fmt::format("seed={}", seed));
    return {folder_ / run.config, runs_ / fmt::format("{}-seed{}", folder, seed), overrides};
  }

  // Of a sweep, how what is measured grows with the key: the exponent.
  std::optional<double> measured(const FindingMeasure& measure, int64_t seed) const {
    const FindingRun& run = finding_.run(measure.run);
    std::vector<double> x, y;
    for (const int64_t value : values_of(run)) {
      const std::filesystem::path metrics = job(measure.run, run, seed, value).run / "metrics.jsonl";
      const std::optional<double> taken_value = taken(measure, read_series(metrics, measure.metric, measure.among));
      if (!taken_value || run.sweep.empty()) return taken_value;
      x.push_back(static_cast<double>(value));
      y.push_back(*taken_value);
    }
    return log_log_slope(x, y);
  }

  std::string name_;
  std::filesystem::path folder_, runs_;
  PublishedFinding finding_;
};

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  if (!std::filesystem::is_directory(folder)) {
    throw UsageError(fmt::format("reproduce: there is no folder {} with findings", folder.string()));
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

int reproduce_command(const ReproduceArguments& arguments) {
  const std::vector<std::string> known = names_in(arguments.folder);
  for (const std::string& name : arguments.names) {
    if (std::ranges::count(known, name) > 0) continue;
    throw UsageError(fmt::format("reproduce: there is no finding '{}'; there are {}", name, fmt::join(known, ", ")));
  }
  std::vector<Reproduction> reproductions;
  for (const std::string& name : arguments.names.empty() ? known : arguments.names) {
    reproductions.emplace_back(arguments, name);
  }
  bool all = true;
  for (Reproduction& reproduction : reproductions) {
    if (const int status = reproduction.train()) return status;
    const FindingOutcome outcome = reproduction.outcome();
    std::cout << outcome.for_terminal() << std::flush;
    if (!arguments.page.empty()) write_section(arguments.page, outcome);
    all = all && outcome.reproduced();
  }
  return all ? 0 : 1;
}

}  // namespace transformlet
