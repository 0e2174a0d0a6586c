// `transformlet gradcheck`: of a model and its layers, of a layer by itself, or of ops.
#include "autograd/gradcheck.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "autograd/catalogue.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/durable_file.h"
#include "train/gradcheck_memory.h"
#include "train/gradcheck_report.h"
#include "train/stopwatch.h"
#include "train/threads.h"

namespace transformlet {
namespace {

// Something to check: a function, and the leaves that it is a function of; or several, each with a label.
struct Target {
  struct Part {
    std::string label;
    TensorFunction function;
    TensorList inputs;
  };
  std::string name;
  std::vector<Part> parts;
};

// Puts what was found for one part behind what was found before.
void append(GradcheckResult& all, GradcheckResult part, const std::string& label) {
  const std::string prefix = label.empty() ? "" : label + ": ";
  for (GradcheckRow& row : part.rows) {
    row.name = prefix + row.name;
    all.rows.push_back(std::move(row));
  }
  for (IdentityCheck& identity : part.identities) {
    identity.name = prefix + identity.name;
    all.identities.push_back(std::move(identity));
  }
  for (Finding& finding : part.findings) {
    // Samples of ops have them on purpose: conditions, empty tensors, a softmax over one column.
    if (!label.empty() && (finding.kind == Finding::zero_gradient || finding.kind == Finding::no_path)) continue;
    finding.text = prefix + finding.text;
    all.findings.push_back(std::move(finding));
  }
  all.directions.insert(all.directions.end(), part.directions.begin(), part.directions.end());
  all.deterministic &= part.deterministic;
  all.low_precision |= part.low_precision;
}

// The parameters of a layer: those whose names begin with its path.
TensorList parameters_of(const Parameters& parameters, const std::string& path) {
  TensorList result;
  for (const Parameter& parameter : parameters.list()) {
    if (parameter.value.name().starts_with(path + ".")) result.push_back(parameter.value);
  }
  return result;
}

Tensor random_leaf(const std::string& name, const Shape& shape, DType dtype, RandomKey key) {
  RandomStream stream(key / name);
  std::vector<double> values(static_cast<size_t>(shape.size()));
  std::generate(values.begin(), values.end(), [&] { return stream.normal(); });
  return leaf(tensor(values, shape, dtype), name);
}

// Biases of 0 and gains of 1 would hide what multiplies them: every parameter is moved by a fifth of its size.
void stir(const Parameters& parameters, uint64_t seed) {
  for (const Parameter& parameter : parameters.list()) {
    Tensor x = parameter.value;
    RandomStream stream(RandomKey(seed) / "gradcheck" / "stir" / x.name());
    const std::vector<double> values = x.to_vector();
    double sum = 0;
    for (const double value : values) sum += value * value;
    const double size = sum > 0 ? std::sqrt(sum / static_cast<double>(values.size())) : 0.5;
    with_dtype(x.dtype(), [&]<class T>() {
      T* const data = overwrite<T>(x);
      for (int64_t i = 0; i < x.size(); ++i) data[i] += static_cast<T>(0.2 * size * stream.normal());
    });
  }
}

// What a layer's checks need besides the layer.
struct Setting {
  const GradcheckConfig& config;
  uint64_t seed;
  int64_t batch, seq_len, memory_len;
  Mask own_mask;  // the task's

  Pass pass() const { return Pass::training(seed, 0); }
  DType dtype() const { return config.checked_dtype(); }

  // The masks to check under, each with what it adds to a name; the task's own has no name.
  std::vector<std::pair<std::string, Mask>> masks(int64_t queries, int64_t keys) const {
    if (config.masks.empty()) return {{"", own_mask}};
    std::vector<std::pair<std::string, Mask>> result;
    for (const std::string& words : config.masks)
      result.push_back({", " + words, *mask_of(words, batch, queries, keys, seed)});
    return result;
  }
};

void add_layer(const NamedLayer& layer, const Parameters& parameters, const Setting& setting,
               std::vector<Target>& targets) {
  const RandomKey key = RandomKey(setting.seed) / "gradcheck" / layer.name;
  TensorList inputs = {random_leaf("input", {setting.batch, setting.seq_len, layer.input_width}, setting.dtype(), key)};
  const bool has_memory = layer.memory_width > 0;
  if (has_memory) {
    inputs.push_back(
        random_leaf("memory", {setting.batch, setting.memory_len, layer.memory_width}, setting.dtype(), key));
  }
  const TensorList own = inputs, weights = parameters_of(parameters, layer.name);
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  for (const auto& [words, mask] : setting.masks(setting.seq_len, has_memory ? setting.memory_len : setting.seq_len)) {
    const auto function = [call = layer.call, own, mask = mask, pass = setting.pass()](const TensorList&) {
      return TensorList{call(own, mask, pass)};
    };
    targets.push_back({layer.name + (layer.takes_mask ? words : ""), {{"", function, inputs}}});
    if (!layer.takes_mask) break;
  }
}

void require_known_layers(const GradcheckConfig& config, const std::vector<std::string>& names) {
  for (const std::string& word : config.layers) {
    const bool known = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name == word || name.starts_with(word + ".");
    });
    if (!known) {
      throw UsageError(fmt::format("gradcheck.layers: there is no layer '{}'{}; there are {}", word,
                                   did_you_mean(word, names), fmt::join(names, ", ")));
    }
  }
}

// Runs all checks, and says what they found.
class Checks {
 public:
  Checks(const GradcheckArguments& arguments, const GradcheckConfig& config) : config_(config) {
    // If a file can't be opened, that is said before the work.
    if (!arguments.json.empty()) json_.emplace(arguments.json, O_WRONLY | O_CREAT | O_TRUNC);
    if (!arguments.junit.empty()) junit_.emplace(arguments.junit, O_WRONLY | O_CREAT | O_TRUNC);
  }

  int run(const std::vector<Target>& targets, GradcheckOptions options) {
    size_t width = 0;
    for (const Target& target : targets) width = std::max(width, target.name.size());
    GradcheckTable table(width + (config_.order == 2 ? second_order.size() : 0));
    std::vector<CheckedThing> things;
    for (const Target& target : targets) {
      for (int order = 1; order <= config_.order; ++order) {
        Stopwatch stopwatch;
        CheckedThing thing;
        thing.name = target.name + (order == 2 ? std::string(second_order) : "");
        for (const Target::Part& part : target.parts) {
          append(thing.result,
                 order == 1 ? gradcheck(part.function, part.inputs, options)
                            : gradgradcheck(part.function, part.inputs, options),
                 part.label);
        }
        thing.seconds = stopwatch.lap();
        table.add(thing);
        things.push_back(std::move(thing));
      }
    }
    if (json_) json_->write(gradcheck_json(things));
    if (junit_) junit_->write(gradcheck_junit(things));
    return table.finish();
  }

 private:
  static constexpr std::string_view second_order = ", second order";

  const GradcheckConfig& config_;
  std::optional<OutputFile> json_, junit_;
};

int check_model(const GradcheckArguments& arguments, const std::string& text) {
  ExperimentConfig config = read_config_text<ExperimentConfig>(arguments.config, text, arguments.overrides);
  config.train.dtype = config.gradcheck.dtype;
  require_check_memory(config);
  set_threads(config.train.threads);
  const Experiment experiment(config);
  stir(experiment.parameters, config.seed_value());
  std::vector<int64_t> examples(
      static_cast<size_t>(std::min(config.gradcheck.batch_size, experiment.task.size(Split::train))));
  std::iota(examples.begin(), examples.end(), 0);
  const Batch batch = experiment.task.batch(Split::train, examples);
  const int64_t length = batch.places() / batch.size(), seq_len = config.gradcheck.seq_len;
  const int64_t source_len = batch.source.shape().rank() == 2 ? batch.source.shape()[1] : 0;
  const int64_t memory_len = config.gradcheck.memory_len;
  const Setting setting{.config = config.gradcheck,
                        .seed = config.seed_value(),
                        .batch = batch.size(),
                        .seq_len = seq_len > 0 ? seq_len : length,
                        .memory_len = memory_len > 0 ? memory_len : source_len,
                        .own_mask = batch.mask};

  std::vector<Target> targets;
  std::vector<std::string> names;
  const std::vector<NamedLayer> layers = experiment.model->layers();
  for (const NamedLayer& layer : layers) names.push_back(layer.name);
  names.push_back("model");
  require_known_layers(config.gradcheck, names);
  for (const NamedLayer& layer : layers) {
    if (config.gradcheck.wants(layer.name)) add_layer(layer, experiment.parameters, setting, targets);
  }
  if (config.gradcheck.wants("model")) {
    for (const auto& [words, mask] : setting.masks(length, length)) {
      const auto loss = [&experiment, &batch, mask = mask, pass = setting.pass()](const TensorList&) {
        ModelInputs inputs = batch.model_inputs();
        inputs.mask = mask;
        return TensorList{batch.loss((*experiment.model)(inputs, pass))};
      };
      targets.push_back({"model" + words, {{"", loss, experiment.parameters.tensors()}}});
    }
  }
  return Checks(arguments, config.gradcheck).run(targets, config.gradcheck.options(config.seed_value()));
}

int check_layer(const GradcheckArguments& arguments, const std::string& text) {
  LayerCheckConfig config = read_config_text<LayerCheckConfig>(arguments.config, text, arguments.overrides);
  require_check_memory(config);
  set_threads(0);
  const auto seed = static_cast<uint64_t>(config.seed);
  Parameters parameters;
  const NamedLayer layer =
      config.layer->build(Scope(parameters, seed, config.gradcheck.checked_dtype()) / config.layer.name());
  stir(parameters, seed);
  const Setting setting{.config = config.gradcheck,
                        .seed = seed,
                        .batch = config.gradcheck.batch_size,
                        .seq_len = config.gradcheck.layer_seq_len(),
                        .memory_len = config.gradcheck.layer_memory_len(),
                        .own_mask = Mask::none()};
  require_known_layers(config.gradcheck, {layer.name});
  std::vector<Target> targets;
  add_layer(layer, parameters, setting, targets);
  return Checks(arguments, config.gradcheck).run(targets, config.gradcheck.options(seed));
}

// Entry by entry, but of long samples only some: they are there to reach a kernel's other paths.
int check_ops(const GradcheckArguments& arguments) {
  constexpr int64_t most_entries = 64;
  const OpCheckConfig config = read_config_text<OpCheckConfig>("--op", "{}", arguments.overrides);
  if (!config.gradcheck.layers.empty() || !config.gradcheck.masks.empty()) {
    throw UsageError("gradcheck: layers and masks are for models and layers; ops have samples of their own");
  }
  set_threads(0);
  const auto seed = static_cast<uint64_t>(config.seed);
  std::map<std::string, Target> ops;
  for (const OpSample& sample : valid_samples()) {
    Target& target = ops[sample.op];
    target.name = sample.op;
    target.parts.push_back({sample.name, sample.call, random_inputs(sample, config.gradcheck.checked_dtype(), seed)});
  }
  std::vector<Target> targets;
  std::vector<std::string> names;
  for (const auto& [name, target] : ops) {
    names.push_back(name);
    if (arguments.all_ops || name == arguments.op) targets.push_back(target);
  }
  if (targets.empty()) {
    throw UsageError(fmt::format("--op: there is no op '{}'{}; there are {}", arguments.op,
                                 did_you_mean(arguments.op, names), fmt::join(names, ", ")));
  }
  GradcheckOptions options = config.gradcheck.options(seed);
  options.fast_mode = false;
  options.max_entries = config.gradcheck.entries > 0 ? config.gradcheck.entries : most_entries;
  options.allow_unused = true;  // conditions and gates are inputs of some samples
  return Checks(arguments, config.gradcheck).run(targets, options);
}

}  // namespace

int gradcheck_command(const GradcheckArguments& arguments) {
  const bool is_of_ops = arguments.all_ops || !arguments.op.empty();
  if (is_of_ops) return check_ops(arguments);
  if (arguments.config.empty()) throw UsageError("gradcheck: give a CONFIG, --op NAME or --all-ops");
  const std::string text = read_config_bytes(arguments.config);
  const bool is_of_a_layer = config_has_key(text, arguments.overrides, "layer");
  return is_of_a_layer ? check_layer(arguments, text) : check_model(arguments, text);
}

}  // namespace transformlet
