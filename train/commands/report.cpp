#include "train/report/report.h"

#include <fmt/format.h>

#include <iostream>

#include "train/commands/commands.h"
#include "train/threads.h"

namespace transformlet {

int report_command(const ReportArguments& arguments) {
  namespace fs = std::filesystem;
  std::vector<fs::path> runs;
  for (const std::string& run : arguments.runs) {
    // A run that lost one of these still has a report.
    if (!fs::is_regular_file(fs::path(run) / "config.yaml") && !fs::is_regular_file(fs::path(run) / "metrics.jsonl")) {
      throw UsageError(
          fmt::format("report: {} is not the folder of a run (it has neither config.yaml nor metrics.jsonl)", run));
    }
    runs.emplace_back(run);
  }
  set_threads(0);
  const fs::path output = arguments.output.empty() ? runs.front() / "report.html" : fs::path(arguments.output);
  write_report(runs, output);
  std::cout << fmt::format("report: {}\n", output.string());
  return 0;
}

}  // namespace transformlet
