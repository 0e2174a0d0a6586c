#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/environment.h"
#include "train/replay.h"
#include "train/signals.h"
#include "train/threads.h"
#include "train/trainer.h"

namespace transformlet {

int branch_command(const BranchArguments& arguments) {
  handle_signals();
  const int64_t step = arguments.step;
  const Original original("branch", arguments.run, step);
  auto own_config = read_run_config<ExperimentConfig>(original.run);
  auto config = read_run_config<ExperimentConfig>(original.run, arguments.overrides);
  if (step >= config.train.max_steps) {
    throw UsageError(fmt::format("branch: nothing is left to do after step {}: train.max_steps is {}", step,
                                 config.train.max_steps));
  }
  const int threads = set_threads(config.train.threads);
  Experiment experiment(config);
  // What does not fit shows here, before there is a folder.
  if (original.checkpoint) restore_training(*original.checkpoint, experiment);

  RunFolder run = new_run(arguments.output, "branch");
  run.log_event("branched", {{"run", std::filesystem::absolute(original.run).lexically_normal().string()},
                             {"step", step},
                             {"threads", threads},
                             {"overrides", fmt::format("{}", fmt::join(arguments.overrides, " "))}});
  std::cerr << fmt::format("branching from {} at step {} into {}\n", original.run.string(), step, run.path().string());
  if (const int status = replay(original, own_config, run, step, step); status != 0) return status;
  const Checkpoint start = load_checkpoint(run.path() / "checkpoints" / fmt::format("step-{}", step));
  Trainer trainer(config, experiment, run, &start);
  experiment.task.save(run.path());
  run.write_environment(describe_environment(threads));
  run.write_config(write_config(config));  // last: a folder is a run's once it has one
  const int status = trainer.train();
  if (status == 0) std::cout << fmt::format("run: {}\n", run.path().string());
  return status;
}

}  // namespace transformlet
