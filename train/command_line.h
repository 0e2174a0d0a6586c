// What the program's commands say of their arguments alike, and those that look at runs: the others stand in main.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "train/commands/commands.h"

namespace CLI {
class App;
}

namespace transformlet {

inline constexpr const char* overrides_help =
    "keys of the config to set: train.max_steps=100 optimizer.learning_rate=1e-3";

// A check of an option: what is wrong with its text, or nothing. CLI11's own prints the bounds of the type, as 300
// digits.
std::function<std::string(const std::string&)> at_least(int64_t least);

// memories, replay, branch, compare, landscape and report. What they read into must live until the program has been
// parsed.
struct StudyCommands {
  MemoriesArguments memories;
  ReplayArguments replay;
  BranchArguments branch;
  CompareArguments compare;
  LandscapeArguments landscape;
  ReportArguments report;

  void add_to(CLI::App& app, int& status);
};

}  // namespace transformlet
