#include "train/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "train/metrics_reader.h"
#include "train/weight_hashes.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

struct FinalMetric {
  std::string name, value;
};

std::vector<FinalMetric> final_metrics(const fs::path& run) {
  std::vector<FinalMetric> result;
  read_metrics(run / "metrics.jsonl", [&](const nlohmann::ordered_json& values) {
    for (const auto& [name, value] : values.items()) {
      const auto is_of = [&](const char* part) { return name.starts_with(part); };
      if (!is_of("train/") && !is_of("val/") && !is_of("test/") && !is_of("optim/") && !is_of("grad/")) continue;
      const std::string text = fmt::format("{} at step {}", value.dump(), values["step"].dump());
      const auto known = std::ranges::find(result, name, &FinalMetric::name);
      if (known == result.end())
        result.push_back({name, text});
      else
        known->value = text;
    }
  });
  return result;
}

const std::string& value_of(const std::vector<FinalMetric>& metrics, const std::string& name) {
  static const std::string none = "-";
  const auto found = std::ranges::find(metrics, name, &FinalMetric::name);
  return found == metrics.end() ? none : found->value;
}

// The first name that only one of them has.
std::string odd_name(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (const std::string& name : a) {
    if (std::ranges::find(b, name) == b.end()) return name;
  }
  return a.size() < b.size() ? odd_name(b, a) : "their order";
}

}  // namespace

WeightsComparison compare_weights(const fs::path& a, const fs::path& b) {
  const WeightHashes of_a = WeightHashes::read(a / "weights.hashes"), of_b = WeightHashes::read(b / "weights.hashes");
  if (of_a.names != of_b.names) return {fmt::format("of other tensors: {}", odd_name(of_a.names, of_b.names)), false};
  std::optional<int64_t> last_common;
  size_t common = 0;
  for (const StepHashes& step : of_a.steps) {
    const StepHashes* const other = of_b.find(step.step);
    if (other == nullptr) continue;
    if (const auto found = difference(of_a.names, step, *other)) {
      return {fmt::format("differ first at step {}, in {} ({} of {} tensors differ there)", found->step, found->tensor,
                          found->differing, found->tensors),
              false};
    }
    last_common = step.step;
    ++common;
  }
  if (!last_common) return {"no step is recorded of both", false};
  if (common == of_a.steps.size() && common == of_b.steps.size()) {
    return {fmt::format("equal, up to step {}", *last_common), true};
  }
  const auto span = [](const fs::path& run, const WeightHashes& hashes) {
    return fmt::format("{} has steps {} to {}", run.string(), hashes.steps.front().step, hashes.steps.back().step);
  };
  return {fmt::format("equal at all {} steps that both have; {}, {}", common, span(a, of_a), span(b, of_b)), false};
}

std::vector<MetricComparison> compare_metrics(const fs::path& a, const fs::path& b) {
  const std::vector<FinalMetric> of_a = final_metrics(a), of_b = final_metrics(b);
  std::vector<MetricComparison> result;
  for (const auto& [name, value] : of_a) result.push_back({name, value, value_of(of_b, name)});
  for (const auto& [name, value] : of_b) {
    if (value_of(of_a, name) == "-") result.push_back({name, "-", value});
  }
  return result;
}

}  // namespace transformlet
