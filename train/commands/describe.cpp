#include <fmt/format.h>

#include <iostream>

#include "train/commands/commands.h"
#include "train/config/help.h"
#include "train/config/reader.h"
#include "train/config/schema.h"
#include "train/config/writer.h"
#include "train/experiment.h"

namespace transformlet {
namespace {

// The config with everything filled in, and the model's parameters, before anything is allocated.
void describe_config(const DescribeArguments& arguments) {
  const ExperimentConfig config = read_config_file<ExperimentConfig>(arguments.config, arguments.overrides);
  Parameters parameters;
  const auto model = config.model->build(Scope::dry(parameters), config.task->sizes());
  size_t longest = 0;
  for (const Parameter& parameter : parameters.list()) longest = std::max(longest, parameter.value.name().size());
  std::cout << write_config(config) << '\n';
  for (const Parameter& parameter : parameters.list()) {
    std::cout << fmt::format("{:{}}  {:>16}  {:>12}\n", parameter.value.name(), longest,
                             to_string(parameter.value.shape()), parameter.value.size());
  }
  std::cout << fmt::format("{} parameters in {} tensors; training needs at most about {:.1f} MB\n", parameters.count(),
                           parameters.list().size(), estimated_memory(config) / 1e6);
}

}  // namespace

int describe_command(const DescribeArguments& arguments) {
  if (arguments.schema) {
    std::cout << config_schema<ExperimentConfig>("Transformlet config");
  } else if (arguments.config.empty()) {
    std::cout << config_help<ExperimentConfig>();
  } else {
    describe_config(arguments);
  }
  return 0;
}

}  // namespace transformlet
