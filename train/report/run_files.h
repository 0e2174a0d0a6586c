// What a run's folder says in its text files, read so that damage costs what is damaged and no more: metrics.jsonl,
// events.jsonl, environment.json. Sentences of what is missing are for the reader of a report.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/report/series.h"

namespace transformlet {

struct RunEvent {
  std::optional<int64_t> step;
  std::string event, time;
  std::string text;  // its other details, as "threads: 2"
};

struct RunFiles {
  std::vector<Series> metrics;  // in the order in which they came first
  std::vector<RunEvent> events;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> missing;

  int64_t last_step() const;              // of metrics and events; 0: there are none
  const char* state() const;              // finished, stopped, diverged, or unfinished
  std::optional<double> seconds() const;  // between first and last event of each session, added up
  const Series* find(std::string_view metric) const;
};

RunFiles read_run_files(const std::filesystem::path& run);

}  // namespace transformlet
