#include "train/replay.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "train/commands/checkpoint_choice.h"
#include "train/config/differences.h"
#include "train/config/writer.h"
#include "train/initial_weights.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

void require_as_recorded(const Original& original, const StepHashes& now) {
  const StepHashes* const then = original.recorded.find(now.step);
  const std::string run = original.run.string();
  require(then != nullptr, "{} has no hashes of step {}, so that it can't be replayed", run, now.step);
  const auto found = difference(original.recorded.names, *then, now);
  if (!found) return;
  fail(
      "at step {} the weights are not those of {}: {} is the first of {} tensors that differ, of {}; the same bits "
      "need the program, CPU and libraries of its environment.json, and the keys that it had then (events.jsonl says "
      "whether it was resumed with others)",
      found->step, run, found->tensor, found->differing, found->tensors);
}

// Keys that decide what is looked at, not what happens.
bool only_looks(const std::string& key, bool ends_by_patience) {
  if (key == "evaluate.patience") return false;
  if (ends_by_patience && (key == "evaluate.every" || key == "evaluate.examples")) return false;
  if (key == "train.log_every" || key == "train.threads" || key == "train.recompute") return true;
  const auto is_below = [&](const char* part) { return key == part || key.starts_with(std::string(part) + "."); };
  return is_below("probes") || is_below("evaluate") || is_below("checkpoint") || is_below("gradcheck");
}

}  // namespace

Original::Original(const std::string& command, const std::filesystem::path& path, int64_t from) : run(path) {
  require_run(command, run);
  recorded = WeightHashes::read(run / "weights.hashes");
  require(!recorded.steps.empty(), "{}: it has no hashes yet", run.string());
  if (from > last_step()) {
    throw UsageError(
        fmt::format("{}: {} was recorded up to step {}, not {}", command, run.string(), last_step(), from));
  }
  std::optional<StoredCheckpoint> nearest;
  for (const StoredCheckpoint& stored : list_checkpoints(run)) {
    if (stored.step <= from) nearest = stored;
  }
  if (nearest) checkpoint = load_checkpoint(nearest->folder);
}

int replay(const Original& original, ExperimentConfig& config, RunFolder& run, int64_t from, int64_t to) {
  Experiment experiment(config);
  std::vector<std::string> names;
  for (const Parameter& parameter : experiment.parameters.list()) names.push_back(parameter.value.name());
  require(names == original.recorded.names, "{}: weights.hashes is of other weights than its config's",
          original.run.string());
  const Checkpoint* const checkpoint = original.checkpoint ? &*original.checkpoint : nullptr;
  if (checkpoint == nullptr) set_initial_weights(config, experiment.parameters);
  experiment.task.save(run.path());
  const auto check = [&](const StepHashes& hashes) { require_as_recorded(original, hashes); };
  Trainer trainer(config, experiment, run, checkpoint, Window{from, to, check});
  return trainer.train();
}

void require_same_training(const ExperimentConfig& config, const ExperimentConfig& changed) {
  const bool ends_by_patience = config.evaluate.patience.has_value();
  for (const auto& [key, before, after] :
       config_differences("the run's config", write_config(config), "the changed config", write_config(changed))) {
    if (only_looks(key, ends_by_patience)) continue;
    throw UsageError(
        fmt::format("replay: {}={} instead of {} could change the training; a replay may change probes, checkpoint, "
                    "train.log_every, train.threads, train.recompute, and evaluate unless patience ends the run; "
                    "transformlet branch goes on with "
                    "other keys",
                    key, after, before));
  }
}

RunFolder new_run(const std::string& output, const std::string& name) {
  return output.empty() ? RunFolder::create("runs", name) : RunFolder::create_at(output);
}

}  // namespace transformlet
