#include "train/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/environment.h"
#include "train/signals.h"
#include "train/threads.h"

namespace transformlet {

int replay_command(const ReplayArguments& arguments) {
  handle_signals();
  const Original original("replay", arguments.run, arguments.from);
  const int64_t from = arguments.from, to = arguments.to < 0 ? original.last_step() : arguments.to;
  if (!(from < to && to <= original.last_step())) {
    throw UsageError(
        fmt::format("replay: --from and --to must be 0 <= from < to <= {}, the last step recorded, not {} and {}",
                    original.last_step(), from, to));
  }
  const auto own_config = read_run_config<ExperimentConfig>(original.run);
  auto config = read_run_config<ExperimentConfig>(original.run, arguments.overrides);
  require_same_training(own_config, config);
  const int threads = set_threads(config.train.threads);
  RunFolder run = new_run(arguments.output, "replay");
  run.write_config(write_config(config));
  run.write_environment(describe_environment(threads));
  const int64_t start = original.checkpoint ? original.checkpoint->step : 0;
  run.log_event("replayed", {{"run", std::filesystem::absolute(original.run).lexically_normal().string()},
                             {"checkpoint", start},
                             {"from", from},
                             {"to", to},
                             {"threads", threads},
                             {"overrides", fmt::format("{}", fmt::join(arguments.overrides, " "))}});
  std::cerr << fmt::format("replaying {} from step {} into {}\n", original.run.string(), start, run.path().string());
  const int status = replay(original, config, run, from, to);
  if (status != 0) return status;
  std::cout << fmt::format("steps {} to {}: every weight as recorded\nrun: {}\n", start, to, run.path().string());
  return 0;
}

}  // namespace transformlet
