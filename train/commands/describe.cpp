#include <fmt/format.h>

#include <iostream>

#include "layers/tap_points.h"
#include "train/commands/commands.h"
#include "train/config/help.h"
#include "train/config/reader.h"
#include "train/config/schema.h"
#include "train/config/writer.h"
#include "train/experiment.h"

namespace transformlet {
namespace {

void print_parameters(const Parameters& parameters) {
  size_t longest = 0;
  for (const Parameter& parameter : parameters.list()) longest = std::max(longest, parameter.value.name().size());
  for (const Parameter& parameter : parameters.list()) {
    std::cout << fmt::format("{:{}}  {:>16}  {:>12}\n", parameter.value.name(), longest,
                             to_string(parameter.value.shape()), parameter.value.size());
  }
  std::cout << fmt::format("{} parameters in {} tensors", parameters.count(), parameters.list().size());
}

// The activations that interventions and probes can reach, with their shapes.
void print_taps(const DescribeArguments& arguments) {
  const auto config =
      read_config_text<ExperimentConfig>(arguments.config, read_config_bytes(arguments.config), arguments.overrides);
  Parameters parameters;
  const ModelSizes sizes = config.task->sizes();
  const auto model = config.model->build(Scope(parameters, config.seed_value(), config.dtype()), sizes);
  const std::vector<TapPoint> points = tap_points(*model, sizes);
  size_t longest = 0;
  for (const TapPoint& point : points) longest = std::max(longest, point.name.size());
  for (const TapPoint& point : points) {
    const std::string shape = to_string(point.shape);  // "(1, 4, 16, 16)"
    std::cout << fmt::format("{:{}}  (batch{}\n", point.name, longest, shape.substr(2));
  }
}

// The config with everything filled in, and the parameters, before anything is allocated.
void describe_config(const DescribeArguments& arguments) {
  const std::string text = read_config_bytes(arguments.config);
  Parameters parameters;
  if (config_has_key(text, arguments.overrides, "layer")) {
    const auto config = read_config_text<LayerCheckConfig>(arguments.config, text, arguments.overrides);
    config.layer->build(Scope::dry(parameters) / config.layer.name());
    std::cout << write_config(config) << '\n';
    print_parameters(parameters);
    std::cout << '\n';
    return;
  }
  const auto config = read_config_text<ExperimentConfig>(arguments.config, text, arguments.overrides);
  config.model->build(Scope::dry(parameters), config.task->sizes());
  std::cout << write_config(config) << '\n';
  print_parameters(parameters);
  std::cout << fmt::format(
      "; training needs at most about {:.1f} MB, and at most {:.3g} GFLOP of matrix products a step\n",
      estimated_memory(config) / 1e6, 1e-9 * product_operations(config));
}

}  // namespace

int describe_command(const DescribeArguments& arguments) {
  if (arguments.schema) {
    std::cout << config_schema_by_key<LayerCheckConfig, ExperimentConfig>("Transformlet config", "layer");
  } else if (arguments.config.empty()) {
    if (arguments.taps) throw UsageError("describe: --taps are those of a config: transformlet describe CONFIG --taps");
    std::cout << config_help<ExperimentConfig>()
              << "\nA config for gradcheck may name a layer instead of a task and a model:\n\n"
              << config_help<LayerCheckConfig>();
  } else if (arguments.taps) {
    print_taps(arguments);
  } else {
    describe_config(arguments);
  }
  return 0;
}

}  // namespace transformlet
