#include "train/report/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "train/config/differences.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

// The last value of each test metric, or of validation's where no test was made, beside what the task's oracle reaches.
Json figures_json(const RunFiles& files) {
  const auto last = [](const Series& series) { return shortest(series.values.back()); };
  const auto has = [&](std::string_view split) {
    return std::ranges::any_of(
        files.metrics, [&](const Series& series) { return series.size() > 0 && series.name.starts_with(split); });
  };
  const std::string_view wanted = has("test/") ? "test/" : "val/";
  Json figures = Json::array();
  for (const Series& series : files.metrics) {
    if (series.size() == 0 || !(series.name.starts_with(wanted) || series.name == "train/loss")) continue;
    if (series.name.ends_with("best_loss")) continue;
    const Series* best = nullptr;
    if (series.name.ends_with("loss")) best = files.find(series.name.substr(0, series.name.size() - 4) + "best_loss");
    figures.push_back({{"name", series.name},
                       {"value", last(series)},
                       {"best", best == nullptr || best->size() == 0 ? Json(nullptr) : Json(last(*best))}});
  }
  return figures;
}

// What each probe took of the training's time.
Json probes_json(const RunFiles& files) {
  constexpr std::string_view before = "perf/probes/", behind = "_ms";
  Json probes = Json::array();
  for (const Series& series : files.metrics) {
    if (!series.name.starts_with(before) || !series.name.ends_with(behind)) continue;
    const size_t length = series.name.size() - before.size() - behind.size();
    probes.push_back({{"name", series.name.substr(before.size(), length)},
                      {"times", series.recorded},
                      {"seconds", series.sum / 1e3}});
  }
  return probes;
}

// A config of the same task, model, optimiser, schedule and probes, with nothing else said. What has no default, such
// as a path, keeps its first value, which is empty.
std::string default_config(const ExperimentConfig& config) {
  ExperimentConfig defaults;
  defaults.task.choose(config.task.name());
  defaults.model.choose(config.model.name());
  std::visit([&](const auto& chosen) { defaults.optimizer = std::decay_t<decltype(chosen)>(); }, config.optimizer);
  std::visit([&](const auto& chosen) { defaults.schedule = std::decay_t<decltype(chosen)>(); }, config.schedule);
  for (const auto& [name, probe] : config.probes.all()) defaults.probes.choose(name);
  return write_config(defaults);
}

// The keys as the run has them; of a text that is no YAML none.
Json config_json(LoadedRun& run) {
  Json result = Json::array();
  if (run.config_text.empty()) return result;
  try {
    const std::vector<KeyAndValue> keys = config_keys("config.yaml", run.config_text);
    const std::vector<KeyAndValue> defaults =
        run.config == nullptr ? std::vector<KeyAndValue>() : config_keys("defaults", default_config(*run.config));
    for (const auto& [key, value] : keys) {
      const auto found = std::ranges::find(defaults, key, &KeyAndValue::key);
      const bool known = found != defaults.end();
      result.push_back({{"key", key},
                        {"value", value},
                        {"default", known ? Json(found->value) : Json(nullptr)},
                        {"differs", known && found->value != value}});
    }
  } catch (const std::exception& error) {
    run.files.missing.push_back(fmt::format("config.yaml: its keys can't be read: {}", error.what()));
  }
  return result;
}

Json parameters_json(const LoadedRun& run) {
  Json result = Json::array();
  if (run.experiment == nullptr) return result;
  for (const Parameter& parameter : run.experiment->parameters.list()) {
    const Shape& shape = parameter.value.shape();
    std::vector<int64_t> axes;
    axes.reserve(static_cast<size_t>(shape.rank()));
    for (int axis = 0; axis < shape.rank(); ++axis) axes.push_back(shape[axis]);
    result.push_back({{"name", parameter.value.name()}, {"shape", axes}, {"count", parameter.value.size()}});
  }
  return result;
}

std::string name_in_config(const Json& config, const std::string& key) {
  for (const Json& entry : config) {
    if (entry["key"] == key) return entry["value"];
  }
  return "unknown";
}

}  // namespace

void add_overview(LoadedRun& run, Json& json) {
  const Json config = config_json(run);
  const std::optional<double> seconds = run.files.seconds();
  json["state"] = run.files.state();
  json["task"] = name_in_config(config, "task.name");
  json["kind"] = name_in_config(config, "model.kind");
  json["seconds"] = seconds ? Json(*seconds) : Json(nullptr);
  json["step"] = run.files.last_step();
  json["figures"] = figures_json(run.files);
  json["probes"] = probes_json(run.files);
  json["parameters"] = parameters_json(run);
  json["config"] = config;
  Json environment = Json::array(), events = Json::array();
  for (const auto& [name, value] : run.files.environment) environment.push_back({name, value});
  for (const RunEvent& event : run.files.events) {
    events.push_back({{"step", event.step ? Json(*event.step) : Json(nullptr)},
                      {"event", event.event},
                      {"time", event.time},
                      {"text", event.text}});
  }
  json["environment"] = environment;
  json["events"] = events;
}

}  // namespace transformlet
