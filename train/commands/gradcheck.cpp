#include "autograd/gradcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <numeric>

#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/experiment.h"
#include "train/threads.h"

namespace transformlet {
namespace {

bool report(const std::string& what, const GradcheckResult& result) {
  std::cout << what << '\n' << result;
  return result.ok();
}

// The parameters of a layer: those whose names begin with its path.
TensorList parameters_of(const Parameters& parameters, const std::string& path) {
  TensorList result;
  for (const Parameter& parameter : parameters.list()) {
    if (parameter.value.name().starts_with(path + ".")) result.push_back(parameter.value);
  }
  return result;
}

Tensor random_input(const std::string& layer, const Shape& shape, uint64_t seed) {
  RandomStream stream(RandomKey(seed) / "gradcheck" / layer);
  std::vector<double> values(static_cast<size_t>(shape.size()));
  std::generate(values.begin(), values.end(), [&] { return stream.normal(); });
  return leaf(tensor(values, shape, DType::float64), "input");
}

}  // namespace

int gradcheck_command(const GradcheckArguments& arguments) {
  // Differences need float64; the batch is small because every entry costs several forward passes.
  std::vector<std::string> overrides = arguments.overrides;
  overrides.push_back("train.dtype=float64");
  ExperimentConfig config = read_config_file<ExperimentConfig>(arguments.config, overrides);
  set_threads(config.train.threads);
  const Experiment experiment(config);
  const int64_t batch_size = std::min(arguments.batch_size, experiment.task.size(Split::train));
  std::vector<int64_t> examples(static_cast<size_t>(batch_size));
  std::iota(examples.begin(), examples.end(), 0);
  const Batch batch = experiment.task.batch(Split::train, examples);
  const Pass pass = Pass::training(config.seed_value(), 0);
  const GradcheckOptions options{.max_entries = arguments.entries, .seed = config.seed_value()};

  bool ok = true;
  for (const NamedLayer& layer : experiment.model->layers()) {
    TensorList inputs = parameters_of(experiment.parameters, layer.name);
    inputs.insert(inputs.begin(), random_input(layer.name, batch.inputs.shape().appended(layer.input_width), 1));
    const auto function = [&](const TensorList& in) { return TensorList{layer.call(in[0], batch.mask, pass)}; };
    ok &= report(layer.name, gradcheck(function, inputs, options));
  }
  const auto loss = [&](const TensorList&) {
    return TensorList{cross_entropy((*experiment.model)(batch.inputs, batch.mask, pass), batch.targets)};
  };
  ok &= report("the whole model", gradcheck(loss, experiment.parameters.tensors(), options));
  std::cout << (ok ? "pass: every gradient agrees with finite differences\n" : "FAIL: some gradients are wrong\n");
  return ok ? 0 : 1;
}

}  // namespace transformlet
