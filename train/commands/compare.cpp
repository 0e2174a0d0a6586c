#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/comparison.h"
#include "train/config/reader.h"

namespace transformlet {
namespace {

// Three columns, the widths of which are those of the widest.
struct Table {
  void add(std::string name, std::string a, std::string b) {
    for (const auto& [width, text] : {std::pair(&name_width, &name), std::pair(&a_width, &a)})
      *width = std::max(*width, text->size());
    rows.push_back({std::move(name), std::move(a), std::move(b)});
  }
  void print() const {
    for (const auto& [name, a, b] : rows)
      std::cout << fmt::format("  {:{}}  {:{}}  {}\n", name, name_width, a, a_width, b);
  }

  std::vector<std::array<std::string, 3>> rows;
  size_t name_width = 0, a_width = 0;
};

bool compare(const std::string& a, const std::string& b) {
  const auto config_of = [](const std::string& run) { return run + "/config.yaml"; };
  const std::vector<KeyDifference> keys =
      config_differences(config_of(a), read_config_bytes(config_of(a)), config_of(b), read_config_bytes(config_of(b)));
  const WeightsComparison weights = compare_weights(a, b);
  const std::vector<MetricComparison> metrics = compare_metrics(a, b);

  std::cout << fmt::format("config: {}\n", keys.empty() ? "equal" : "different");
  Table table;
  for (const auto& [key, of_a, of_b] : keys) table.add(key, of_a, of_b);
  table.print();
  std::cout << fmt::format("weights: {}\n", weights.words);
  const bool same_metrics = std::ranges::all_of(metrics, [](const auto& metric) { return metric.a == metric.b; });
  std::cout << fmt::format("metrics: {}\n", same_metrics ? "equal in the end" : "in the end");
  Table ends;
  for (const auto& [name, of_a, of_b] : metrics) ends.add(name, of_a, of_b);
  ends.print();
  return keys.empty() && weights.equal && same_metrics;
}

}  // namespace

int compare_command(const CompareArguments& arguments) {
  require_run("compare", arguments.a);
  require_run("compare", arguments.b);
  try {
    return compare(arguments.a, arguments.b) ? 0 : 1;
  } catch (const Error& error) {
    throw UsageError(fmt::format("compare: {}", error.what()));  // 1 would say that they differ
  }
}

}  // namespace transformlet
