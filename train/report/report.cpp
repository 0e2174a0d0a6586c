#include "train/report/report.h"

#include <build_information.h>  // made by cmake/build_information.cmake
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "train/report/checkpoint_sections.h"
#include "train/report/curves.h"
#include "train/report/loaded_run.h"
#include "train/report/overview.h"
#include "train/report/page.h"
#include "train/report/side_files.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t most_points = 800;  // of a curve

std::string now_in_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// "reverse/3" of runs/reverse/3.
std::string name_of_run(const fs::path& run) {
  const fs::path path = fs::absolute(run / "").lexically_normal().parent_path();
  return (path.parent_path().filename() / path.filename()).string();
}

void write(const Json& runs, const fs::path& output) {
  const Json report = {
      {"format", 1}, {"program", "transformlet " TRANSFORMLET_VERSION}, {"written", now_in_utc()}, {"runs", runs}};
  // What is no UTF-8 becomes U+FFFD: a file of a run may hold anything.
  write_page(output, report.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Json run_json(LoadedRun& run) {
  Json json = {{"name", name_of_run(run.path)}, {"folder", run.path.string()}, {"missing", Json::array()}};
  add_overview(run, json);
  add_checkpoint_sections(run, json);
  add_side_files(run, json);
  json["changes"] = changes_json(run.files.metrics);
  json["curves"] = curves_json(std::move(run.files.metrics), most_points);
  json["missing"] = run.files.missing;
  return json;
}

void write_report(const std::vector<fs::path>& runs, const fs::path& output) {
  Json all = Json::array();
  for (const fs::path& path : runs) {
    LoadedRun run = load_run(path);
    all.push_back(run_json(run));
  }
  write(all, output);
}

void write_report(const fs::path& run, const ExperimentConfig& config, Experiment& experiment, const fs::path& output) {
  LoadedRun loaded = load_run(run, &config, &experiment);
  write(Json::array({run_json(loaded)}), output);
}

}  // namespace transformlet
