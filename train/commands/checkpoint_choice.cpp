#include "train/commands/checkpoint_choice.h"

#include <fmt/format.h>

#include <iostream>

#include "base/error.h"

namespace transformlet {

Checkpoint chosen_checkpoint(const std::string& command, const std::filesystem::path& run, const std::string& name) {
  if (name == "newest") {
    NewestCheckpoint newest = newest_checkpoint(run);
    for (const std::string& warning : newest.warnings) std::cerr << fmt::format("warning: {}\n", warning);
    if (!newest.checkpoint) throw UsageError(fmt::format("{}: {} has no whole checkpoint", command, run.string()));
    return std::move(*newest.checkpoint);
  }
  if (name == "best") {
    const std::optional<StoredCheckpoint> best = best_checkpoint(run);
    if (!best) throw UsageError(fmt::format("{}: no checkpoint of {} has a val/loss", command, run.string()));
    return load_checkpoint(best->folder);
  }
  for (const StoredCheckpoint& stored : list_checkpoints(run)) {
    if (std::to_string(stored.step) == name) return load_checkpoint(stored.folder);
  }
  throw UsageError(
      fmt::format("{}: {} has no checkpoint '{}'; give newest, best or a saved step", command, run.string(), name));
}

void require_run(const std::string& command, const std::filesystem::path& run) {
  if (std::filesystem::is_regular_file(run / "config.yaml")) return;
  throw UsageError(fmt::format("{}: {} is not the folder of a run (it has no config.yaml)", command, run.string()));
}

Split split_named(const std::string& command, const std::string& name) {
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    if (name == name_of(split)) return split;
  }
  throw UsageError(fmt::format("{}: there is no split '{}'; there are train, val and test", command, name));
}

}  // namespace transformlet
