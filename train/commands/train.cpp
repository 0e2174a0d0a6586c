#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "train/checkpoint.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/environment.h"
#include "train/initial_weights.h"
#include "train/profile_table.h"
#include "train/report/report.h"
#include "train/signals.h"
#include "train/stopwatch.h"
#include "train/threads.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

// Trains; with --profile it says afterwards where the time went.
int run_trainer(Trainer& trainer, bool profiled) {
  if (!profiled) return trainer.train();
  Stopwatch stopwatch;
  Profile profile;
  const Profiling on(profile);
  const int status = trainer.train();
  std::cout << profile_table(profile, stopwatch.lap());
  return status;
}

// Of a run that has finished. What goes wrong here must not make the training fail.
void write_report(const RunFolder& run, const ExperimentConfig& config, Experiment& experiment) {
  if (!config.train.report) return;
  const std::filesystem::path page = run.path() / "report.html";
  try {
    write_report(run.path(), config, experiment, page);
    std::cerr << fmt::format("report: {}\n", page.string());
  } catch (const std::exception& error) {
    std::cerr << fmt::format("warning: there is no report: {}\n", error.what());
  }
}

void print_summaries(const Task& task) {
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const std::string summary = task.size(split) == 0 ? "" : task.summary(split);
    if (!summary.empty()) std::cerr << fmt::format("{}: {}\n", name_of(split), summary);
  }
}

// The run's config must mean the same anywhere.
void make_paths_absolute(ExperimentConfig& config) {
  std::vector<std::string*> paths = {&config.train.initial_weights};
  for (Intervention& intervention : config.interventions) paths.push_back(&intervention.from);
  for (WeightEdit& edit : config.edits) paths.push_back(&edit.from);
  for (std::string* const path : paths) {
    if (!path->empty()) *path = std::filesystem::absolute(*path).lexically_normal().string();
  }
}

int start(const TrainArguments& arguments) {
  ExperimentConfig config = read_config_file<ExperimentConfig>(arguments.config, arguments.overrides);
  const int threads = set_threads(config.train.threads);
  make_paths_absolute(config);
  Experiment experiment(config);  // what is wrong with the config shows here, before there is a folder
  require_sources(config.edits, experiment.parameters);
  set_initial_weights(config, experiment.parameters);
  RunFolder run = arguments.run.empty()
                      ? RunFolder::create("runs", std::filesystem::path(arguments.config).stem().string())
                      : RunFolder::create_at(arguments.run);
  experiment.task.save(run.path());  // before the config: a folder is a run's once it has one
  run.write_config(write_config(config));
  run.write_environment(describe_environment(threads));
  run.log_event("started", {{"threads", threads}});
  std::cerr << fmt::format("run: {}\n", run.path().string());
  print_summaries(experiment.task);
  Trainer trainer(config, experiment, run, nullptr);
  const int status = run_trainer(trainer, arguments.profile);
  if (status != 0) return status;
  write_report(run, config, experiment);
  std::cout << fmt::format("run: {}\n", run.path().string());
  return status;
}

// A run goes on with its own data, weights and model. How long, and how the weights are moved, may change: a run that
// has diverged may need a smaller learning rate.
void require_same_experiment(const std::vector<std::string>& overrides) {
  for (const std::string& override : overrides) {
    for (const char* const part : {"seed", "task", "model"}) {
      if (override.starts_with(part) && override.find_first_of(".=") == std::string_view(part).size()) {
        throw UsageError(
            fmt::format("train: '{}' would make another experiment of the run; seed, task and model can't change on "
                        "--resume: start a new "
                        "run",
                        override));
      }
    }
  }
}

// An edit that was due before can't be done any more, nor undone.
void require_same_past(const std::vector<WeightEdit>& before, const std::vector<WeightEdit>& now, int64_t step) {
  const auto past = [&](std::vector<WeightEdit> edits) {
    std::erase_if(edits, [&](const WeightEdit& edit) { return edit.step > step; });
    return edits;
  };
  if (past(before) == past(now)) return;
  throw UsageError(fmt::format(
      "train: the run has done {} steps; --resume can change later edits only. For others start a new run with "
      "train.initial_weights",
      step));
}

int resume(const TrainArguments& arguments) {
  require_same_experiment(arguments.overrides);
  RunFolder run = RunFolder::open(arguments.resume);
  ExperimentConfig config = read_run_config<ExperimentConfig>(run.path(), arguments.overrides);
  const int threads = set_threads(config.train.threads);
  const NewestCheckpoint newest = newest_checkpoint(run.path());
  for (const std::string& warning : newest.warnings) std::cerr << fmt::format("warning: {}\n", warning);
  const Checkpoint* const checkpoint = newest.checkpoint ? &*newest.checkpoint : nullptr;
  const int64_t step = checkpoint == nullptr ? 0 : checkpoint->step;
  if (step > config.train.max_steps) {
    throw UsageError(fmt::format("{}: the newest checkpoint is at step {}, past train.max_steps = {}", arguments.resume,
                                 step, config.train.max_steps));
  }
  if (checkpoint != nullptr) require_same_past(read_run_config<ExperimentConfig>(run.path()).edits, config.edits, step);
  make_paths_absolute(config);
  Experiment experiment(config);
  if (checkpoint == nullptr) set_initial_weights(config, experiment.parameters);  // it stopped before the first one
  Trainer trainer(config, experiment, run, checkpoint);
  if (!arguments.overrides.empty()) run.write_config(write_config(config));
  run.log_event(
      "resumed",
      {{"step", step}, {"threads", threads}, {"overrides", fmt::format("{}", fmt::join(arguments.overrides, " "))}});
  std::cerr << fmt::format("{} {} after step {}\n", trainer.is_over() ? "nothing left to do for" : "resuming",
                           run.path().string(), step);
  print_summaries(experiment.task);
  const bool was_over = trainer.is_over();
  const int status = run_trainer(trainer, arguments.profile);
  if (status == 0 && !was_over) write_report(run, config, experiment);
  return status;
}

}  // namespace

int train_command(const TrainArguments& arguments) {
  handle_signals();
  if (arguments.resume.empty() == arguments.config.empty()) {
    throw UsageError("train: give either a config file or --resume RUN");
  }
  if (!arguments.resume.empty() && !arguments.run.empty()) {
    throw UsageError("train: --run names a new run; it does not go with --resume");
  }
  return arguments.resume.empty() ? start(arguments) : resume(arguments);
}

}  // namespace transformlet
