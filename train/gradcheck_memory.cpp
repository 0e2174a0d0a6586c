#include "train/gradcheck_memory.h"

#include <algorithm>
#include <utility>

namespace transformlet {
namespace {

struct Lengths {
  int64_t batch, seq_len, memory_len;
};

// How many tensors as large as an activation, a matrix of scores or a parameter there are at a time for each of them:
// the function's own, and those of derivatives, their references and steps. Measured on every kind of layer: up to 12
// and, of second derivatives, 19.
double copies(const GradcheckConfig& config) { return config.order == 2 ? 19 : 12; }

// Numbers in the outputs of all products with weights, for one token.
double outputs_per_token(const Parameters& parameters, const std::string& path) {
  double outputs = 0;
  for (const Parameter& parameter : parameters.list()) {
    const bool is_own = path.empty() || parameter.value.name().starts_with(path + ".");
    if (is_own && is_weight(parameter.kind)) outputs += static_cast<double>(parameter.value.dim(0));
  }
  return outputs;
}

double parameters_in(const Parameters& parameters, const std::string& path) {
  double count = 0;
  for (const Parameter& parameter : parameters.list()) {
    if (parameter.value.name().starts_with(path + ".")) count += static_cast<double>(parameter.value.size());
  }
  return count;
}

double scores(int64_t heads, const Lengths& lengths, int64_t keys) {
  return static_cast<double>(lengths.batch * heads) * static_cast<double>(lengths.seq_len) * static_cast<double>(keys);
}

// The numbers of a layer's random inputs, which are all made before the first check.
double inputs_of(const NamedLayer& layer, const Lengths& lengths) {
  return static_cast<double>(lengths.batch) * (static_cast<double>(lengths.seq_len * layer.input_width) +
                                               static_cast<double>(lengths.memory_len * layer.memory_width));
}

// What the check of a layer works with, in numbers.
double work_of(const NamedLayer& layer, const Parameters& parameters, const Lengths& lengths) {
  const bool has_memory = layer.memory_width > 0;
  const int64_t longer = has_memory ? std::max(lengths.seq_len, lengths.memory_len) : lengths.seq_len;
  const int64_t keys = has_memory ? longer : lengths.seq_len;  // of a block with both kinds of attention, the more
  return inputs_of(layer, lengths) + parameters_in(parameters, layer.name) +
         static_cast<double>(lengths.batch * longer) * outputs_per_token(parameters, layer.name) +
         scores(layer.num_heads, lengths, keys);
}

// Bytes of the dense masks of a layer, which the checks of all layers hold from the start.
double dense_masks(const GradcheckConfig& config, const NamedLayer& layer, const Lengths& lengths) {
  const auto is_dense = [](const std::string& words) { return words.find("dense") != words.npos; };
  const double keys = static_cast<double>(layer.memory_width > 0 ? lengths.memory_len : lengths.seq_len);
  return static_cast<double>(std::count_if(config.masks.begin(), config.masks.end(), is_dense)) *
         static_cast<double>(lengths.seq_len) * keys;
}

// Adds up what is held all the time, and remembers who needs most besides.
class Sum {
 public:
  explicit Sum(const GradcheckConfig& config) : config_(config) {}

  void add(const NamedLayer& layer, const Parameters& parameters, const Lengths& lengths) {
    held_ += inputs_of(layer, lengths) * size() + dense_masks(config_, layer, lengths);
    work(work_of(layer, parameters, lengths), layer.name);
  }
  void hold(double numbers) { held_ += numbers * size(); }
  void work(double numbers, const std::string& name) {
    const double bytes = copies(config_) * numbers * size();
    if (bytes >= most_.bytes) most_ = {bytes, name};
  }
  CheckMemory most() const { return {held_ + most_.bytes, most_.name}; }

 private:
  double size() const { return static_cast<double>(size_of(config_.checked_dtype())); }

  const GradcheckConfig& config_;
  double held_ = 0;
  CheckMemory most_;
};

// The heads of all layers with attention, each counted once and not again as a part of a block.
int64_t heads_of(const std::vector<NamedLayer>& layers) {
  int64_t heads = 0;
  for (const NamedLayer& layer : layers) {
    const bool has_parts = std::any_of(layers.begin(), layers.end(), [&](const NamedLayer& other) {
      return other.name.starts_with(layer.name + ".");
    });
    if (!has_parts) heads += layer.num_heads;
  }
  return heads;
}

// What checks as `check` asks for them need, whatever the config's own section says.
CheckMemory memory_of(const ExperimentConfig& config, const GradcheckConfig& check) {
  const ModelSizes sizes = config.task->sizes();
  Parameters parameters;
  const auto model = config.model->build(Scope::dry(parameters), sizes);
  const std::vector<NamedLayer> layers = model->layers();
  const int64_t batch = std::min(check.batch_size, config.task->size(Split::train));
  const Lengths lengths{.batch = batch,
                        .seq_len = check.seq_len > 0 ? check.seq_len : sizes.max_length,
                        .memory_len = check.memory_len > 0 ? check.memory_len : sizes.source_max_length};
  Sum sum(check);
  sum.hold(static_cast<double>(parameters.count()));
  for (const NamedLayer& layer : layers) {
    if (check.wants(layer.name)) sum.add(layer, parameters, lengths);
  }
  if (check.wants("model")) {
    const int64_t longest = std::max(sizes.max_length, sizes.source_max_length);
    const double outputs = outputs_per_token(parameters, "") + 2 * static_cast<double>(sizes.classes);
    sum.work(static_cast<double>(parameters.count()) + static_cast<double>(batch * longest) * outputs +
                 scores(heads_of(layers), {batch, longest, longest}, longest),
             "model");
  }
  CheckMemory most = sum.most();
  most.bytes += config.task->data_bytes();
  return most;
}

CheckMemory memory_of(LayerCheckConfig& config, const GradcheckConfig& check) {
  Parameters parameters;
  const NamedLayer layer = config.layer->build(Scope::dry(parameters) / config.layer.name());
  Sum sum(check);
  sum.hold(static_cast<double>(parameters.count()));
  sum.add(layer, parameters, {check.batch_size, check.layer_seq_len(), check.layer_memory_len()});
  return sum.most();
}

// What has to be smaller, beginning with a key, or `other` if no lengths are small enough. From 1, the keys get their
// values back one by one, where it still fits; the rest are named: all of them are needed. A batch gets its value
// back first, so that a length is named rather than it.
template <class Config>
std::string what_to_lower(Config& config, const std::string& other) {
  const auto fits = [&](const GradcheckConfig& check) { return memory_of(config, check).bytes <= machine_memory(); };
  GradcheckConfig smallest = config.gradcheck;
  smallest.batch_size = smallest.memory_len = smallest.seq_len = 1;
  if (!fits(smallest)) return other;
  std::vector<std::string> keys;
  for (const auto& [key, value] : {std::pair("gradcheck.batch_size", &GradcheckConfig::batch_size),
                                   std::pair("gradcheck.memory_len", &GradcheckConfig::memory_len),
                                   std::pair("gradcheck.seq_len", &GradcheckConfig::seq_len)}) {
    GradcheckConfig larger = smallest;
    larger.*value = config.gradcheck.*value;
    if (fits(larger)) {
      smallest = larger;
    } else {
      keys.emplace_back(key);
    }
  }
  return fmt::format("{}", fmt::join(keys, " and "));
}

template <class Config>
void require_memory(Config& config, const std::string& other) {
  const CheckMemory needed = memory_of(config, config.gradcheck);
  if (needed.bytes <= machine_memory()) return;
  const std::string what = what_to_lower(config, other);
  throw UsageError(fmt::format(
      "{}: the check of {} needs about {:.1f} GB, more than the {:.1f} GB that the machine has; a smaller {} helps",
      what.substr(0, what.find(' ')), needed.name, 1e-9 * needed.bytes, 1e-9 * machine_memory(), what));
}

}  // namespace

CheckMemory check_memory(const ExperimentConfig& config) { return memory_of(config, config.gradcheck); }
CheckMemory check_memory(LayerCheckConfig& config) { return memory_of(config, config.gradcheck); }

void require_check_memory(const ExperimentConfig& config) {
  require_memory(config, "model or a task of shorter examples");
}
void require_check_memory(LayerCheckConfig& config) { require_memory(config, "layer"); }

}  // namespace transformlet
