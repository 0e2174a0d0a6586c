#include "train/report/loaded_run.h"

#include <fmt/format.h>

#include "train/config/reader.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::vector<size_t> evenly_chosen(size_t count, size_t most) {
  std::vector<size_t> places;
  if (count <= most) most = count;
  for (size_t i = 0; i < most; ++i) {
    places.push_back(most == 1 ? count - 1 : (i * (count - 1) + (most - 1) / 2) / (most - 1));
  }
  return places;
}

LoadedRun load_run(const fs::path& path, const ExperimentConfig* config, Experiment* experiment) {
  LoadedRun run{.path = path, .files = read_run_files(path)};
  std::vector<std::string>& missing = run.files.missing;
  run.config = config;
  run.experiment = experiment;
  try {
    run.config_text = read_config_bytes(path / "config.yaml");
    if (experiment == nullptr) {
      run.own_config = read_run_config<ExperimentConfig>(path);
      run.own_experiment = std::make_unique<Experiment>(*run.own_config);
      run.config = &*run.own_config;
      run.experiment = run.own_experiment.get();
    }
  } catch (const std::exception& error) {
    missing.push_back(
        fmt::format("config.yaml: this program can't make the model again, so there is nothing here that it has to "
                    "compute: {}",
                    first_line(error.what())));
  }
  try {
    run.checkpoints = list_checkpoints(path);
  } catch (const std::exception& error) {
    missing.push_back(fmt::format("checkpoints: {}", first_line(error.what())));
  }
  if (run.checkpoints.empty()) missing.emplace_back("checkpoints: there is none");
  return run;
}

}  // namespace transformlet
