// The report on runs: one HTML file with everything that was measured, and what the model does at its checkpoints.
//
// What it costs is bounded, whatever the run: of checkpoints at most 30 are read, spread evenly, and fewer of a large
// model; attention, predictions and spectra have limits of their own. What is left out is said in the report. What is
// missing or damaged in a run costs what depends on it, and no more.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "train/experiment.h"

namespace transformlet {

struct LoadedRun;

// What the page is handed of a run (study/report/README.md). Its model's weights are changed.
nlohmann::ordered_json run_json(LoadedRun& run);

// Writes the report of these runs, which need have no more than a config.yaml or a metrics.jsonl. An Error if the
// output can't be written.
void write_report(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& output);

// The same of a run whose experiment is at hand, as after training. Its weights are changed.
void write_report(const std::filesystem::path& run, const ExperimentConfig& config, Experiment& experiment,
                  const std::filesystem::path& output);

}  // namespace transformlet
