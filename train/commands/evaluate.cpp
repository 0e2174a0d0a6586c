#include <fmt/format.h>

#include <iostream>

#include "train/checkpoint.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/evaluation.h"
#include "train/threads.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

Split split_named(const std::string& name) {
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    if (name == name_of(split)) return split;
  }
  throw UsageError(fmt::format("evaluate: there is no split '{}'; there are train, val and test", name));
}

Checkpoint checkpoint_named(const std::filesystem::path& run, const std::string& name) {
  if (name == "newest") {
    NewestCheckpoint newest = newest_checkpoint(run);
    for (const std::string& warning : newest.warnings) std::cerr << fmt::format("warning: {}\n", warning);
    if (!newest.checkpoint) throw UsageError(fmt::format("evaluate: {} has no whole checkpoint", run.string()));
    return std::move(*newest.checkpoint);
  }
  if (name == "best") {
    const std::optional<StoredCheckpoint> best = best_checkpoint(run);
    if (!best) throw UsageError(fmt::format("evaluate: no checkpoint of {} has a val/loss", run.string()));
    return load_checkpoint(best->folder);
  }
  for (const StoredCheckpoint& stored : list_checkpoints(run)) {
    if (std::to_string(stored.step) == name) return load_checkpoint(stored.folder);
  }
  throw UsageError(
      fmt::format("evaluate: {} has no checkpoint '{}'; give newest, best or a saved step", run.string(), name));
}

}  // namespace

int evaluate_command(const EvaluateArguments& arguments) {
  const Split split = split_named(arguments.split);
  const std::filesystem::path run = arguments.run;
  if (!std::filesystem::is_regular_file(run / "config.yaml")) {
    throw UsageError(fmt::format("evaluate: {} is not the folder of a run (it has no config.yaml)", arguments.run));
  }
  ExperimentConfig config = read_run_config<ExperimentConfig>(run, arguments.overrides);
  set_threads(config.train.threads);
  const Checkpoint checkpoint = checkpoint_named(run, arguments.checkpoint);
  Experiment experiment(config);
  restore_weights(checkpoint, experiment.parameters);
  if (experiment.task.size(split) == 0) {
    throw UsageError(fmt::format("evaluate: the {} split has no examples", arguments.split));
  }
  const Score score = evaluate(*experiment.model, experiment.task, split, config.train.batch_size);
  const std::optional<double> bits = score.bits_per_byte();
  std::cout << fmt::format("{} at step {}: {}/{} positions right, accuracy {}, loss {}{}\n", name_of(split),
                           checkpoint.step, score.correct, score.positions, score.accuracy(), score.loss(),
                           bits ? fmt::format(", {} bits per byte", *bits) : "");
  return 0;
}

}  // namespace transformlet
