#include "train/report/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// Hands every whole line to `take`, which says whether it could read it.
template <class Take>
void read_lines(const fs::path& run, const char* name, std::vector<std::string>& missing, const Take& take) {
  std::ifstream stream(run / name);
  if (!stream.is_open()) {
    missing.push_back(fmt::format("{}: there is no such file", name));
    return;
  }
  int64_t number = 0, damaged = 0, first_damaged = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (stream.eof()) {
      missing.push_back(fmt::format("{}: its last line is half-written, and left out", name));
    } else if (!take(line) && damaged++ == 0) {
      first_damaged = number;
    }
  }
  if (damaged == 1) missing.push_back(fmt::format("{}: line {} is damaged, and left out", name, first_damaged));
  if (damaged > 1) {
    missing.push_back(
        fmt::format("{}: {} lines are damaged, and left out; the first is line {}", name, damaged, first_damaged));
  }
}

// A line of metrics, event by event: a tree of each line would take most of the time.
class MetricsReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit MetricsReader(std::vector<Series>& metrics) : metrics_(metrics) {}

  bool read(const std::string& line) {
    step_ = -1;
    found_.clear();
    depth_ = 0;
    if (!nlohmann::json::sax_parse(line, this) || step_ < last_step_) return false;
    last_step_ = step_;
    for (const auto& [place, value] : found_) metrics_[place].add(step_, value);
    return true;
  }

  bool null() override { return value(NAN); }
  bool boolean(bool) override { return false; }
  bool number_integer(number_integer_t x) override { return value(static_cast<double>(x)); }
  bool number_unsigned(number_unsigned_t x) override { return value(static_cast<double>(x)); }
  bool number_float(number_float_t x, const string_t&) override { return value(x); }
  bool string(string_t&) override { return value(NAN); }  // "NaN", "Infinity" (train/json_text.h)
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return ++depth_ == 1; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return false; }
  bool end_array() override { return false; }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

  bool key(string_t& name) override {
    is_step_ = name == "step";
    if (is_step_) return true;
    // Lines of a kind have the same names in the same order.
    const size_t guess = place_ + 1;
    if (guess < metrics_.size() && metrics_[guess].name == name) {
      place_ = guess;
      return true;
    }
    const auto [found, is_new] = places_.try_emplace(name, metrics_.size());
    if (is_new) metrics_.push_back({.name = name});
    place_ = found->second;
    return true;
  }

 private:
  bool value(double x) {
    if (!is_step_) {
      found_.emplace_back(place_, x);
    } else {
      if (!(x >= 0 && x <= 2e9)) return false;
      step_ = static_cast<int64_t>(x);
    }
    return depth_ == 1;
  }

  std::vector<Series>& metrics_;
  std::unordered_map<std::string, size_t> places_;
  std::vector<std::pair<size_t, double>> found_;  // of the line
  size_t place_ = 0;
  bool is_step_ = false;
  int depth_ = 0;
  int64_t step_ = -1, last_step_ = 0;
};

std::string text_of(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool read_event(const std::string& line, std::vector<RunEvent>& events) {
  const auto fields = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!fields.is_object() || !fields.contains("event")) return false;
  RunEvent event;
  for (const auto& [name, value] : fields.items()) {
    if (name == "step" && value.is_number_integer()) {
      event.step = value.get<int64_t>();
    } else if (name == "event" || name == "time") {
      (name == "event" ? event.event : event.time) = text_of(value);
    } else {
      event.text += fmt::format("{}{}: {}", event.text.empty() ? "" : ", ", name, text_of(value));
    }
  }
  events.push_back(std::move(event));
  return true;
}

void read_environment(const fs::path& run, RunFiles& files) {
  std::ifstream stream(run / "environment.json");
  if (!stream.is_open()) {
    files.missing.emplace_back("environment.json: there is no such file");
    return;
  }
  const auto fields = nlohmann::ordered_json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (!fields.is_object()) {
    files.missing.emplace_back("environment.json: it is damaged");
    return;
  }
  for (const auto& [name, value] : fields.items()) files.environment.emplace_back(name, text_of(value));
}

bool begins_session(const std::string& event) { return event == "started" || event == "resumed"; }

// "2026-01-31T12:00:00.000Z" in seconds; nothing: it is no such time.
std::optional<double> seconds_of(const std::string& time) {
  std::tm parts{};
  double seconds = 0;
  if (std::sscanf(time.c_str(), "%d-%d-%dT%d:%d:%lfZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                  &parts.tm_min, &seconds) != 6) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  --parts.tm_mon;
  return static_cast<double>(timegm(&parts)) + seconds;
}

}  // namespace

int64_t RunFiles::last_step() const {
  int64_t last = 0;
  for (const Series& series : metrics) last = std::max<int64_t>(last, series.steps.empty() ? 0 : series.steps.back());
  for (const RunEvent& event : events) last = std::max(last, event.step.value_or(0));
  return last;
}

const char* RunFiles::state() const {
  const char* state = "unfinished";
  for (const RunEvent& event : events) {
    if (begins_session(event.event)) state = "unfinished";
    for (const char* const end : {"finished", "stopped", "diverged"}) {
      if (event.event == end) state = end;
    }
  }
  return state;
}

std::optional<double> RunFiles::seconds() const {
  std::optional<double> sum, begin, last;
  for (const RunEvent& event : events) {
    const std::optional<double> now = seconds_of(event.time);
    if (!now) continue;
    if (begins_session(event.event) || !begin) {
      begin = now;
    } else if (last) {
      sum = sum.value_or(0) + std::max(0.0, *now - *last);
    }
    last = now;
  }
  return sum;
}

const Series* RunFiles::find(std::string_view metric) const {
  const auto found = std::ranges::find(metrics, metric, &Series::name);
  return found == metrics.end() ? nullptr : &*found;
}

RunFiles read_run_files(const fs::path& run) {
  RunFiles files;
  MetricsReader reader(files.metrics);
  read_lines(run, "metrics.jsonl", files.missing, [&](const std::string& line) { return reader.read(line); });
  read_lines(run, "events.jsonl", files.missing,
             [&](const std::string& line) { return read_event(line, files.events); });
  read_environment(run, files);
  return files;
}

}  // namespace transformlet
