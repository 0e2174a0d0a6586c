// The folder of a run:
//
//   runs/<config's name>/latest      -> the run that was begun last
//   runs/<config's name>/<number>/   config.yaml  environment.json  metrics.jsonl  events.jsonl
//                                    weights.hashes  checkpoints/  report.html
//
// Nothing is ever overwritten: a new run has a new folder. While a RunFolder lives, it holds the run's lock, so that
// two processes can't train the same run.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "train/file_descriptor.h"
#include "train/json_text.h"
#include "train/line_file.h"

namespace transformlet {

class RunFolder {
 public:
  // Makes runs/<name>/<number>/, with the number after the highest there is, and points `latest` to it. Processes that
  // do so at the same time get different numbers.
  static RunFolder create(const std::filesystem::path& runs, const std::string& name);
  // Makes the run in this very folder, which must not exist yet (a UsageError).
  static RunFolder create_at(const std::filesystem::path& folder);
  // Opens a run to go on with it. A UsageError if the folder holds none.
  static RunFolder open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config_path() const { return path_ / "config.yaml"; }
  std::filesystem::path metrics_path() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path hashes_path() const { return path_ / "weights.hashes"; }

  // The resolved config and the environment (train/environment.h), each written whole and durably.
  void write_config(std::string_view yaml) const;
  void write_environment(const JsonFields& environment) const;

  // A line of events.jsonl: {"time": "2026-01-31T12:00:00.000Z", "event": "saved", "step": 100}. The events are
  // started, imported, replayed, branched, resumed, saved, stopped, stopped_early, diverged and finished. On the disk
  // when it returns.
  void log_event(std::string_view event, const JsonFields& details = {});

 private:
  explicit RunFolder(const std::filesystem::path& path);

  std::filesystem::path path_;
  FileDescriptor lock_;
  LineFile events_;
};

}  // namespace transformlet
