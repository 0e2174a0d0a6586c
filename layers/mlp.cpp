#include "layers/mlp.h"

#include <algorithm>
#include <numeric>

#include "base/registry.h"
#include "layers/block_config.h"

namespace transformlet {
namespace {

const std::vector<std::string> mlp_activation_names = {"identity", "tanh", "relu", "gelu"};

Tensor activated(MlpActivation activation, const Tensor& x) {
  switch (activation) {
    case MlpActivation::identity:
      return x;
    case MlpActivation::tanh:
      return tanh(x);
    case MlpActivation::relu:
      return relu(x);
    case MlpActivation::gelu:
      return gelu(x);
  }
  fail("an mlp has no activation {}", static_cast<int>(activation));
}

// Of the vectors between the layers, inputs and outputs included.
std::vector<int64_t> all_widths(const std::vector<int64_t>& hidden, const ModelSizes& sizes) {
  std::vector<int64_t> result = {sizes.features};
  result.insert(result.end(), hidden.begin(), hidden.end());
  result.push_back(sizes.classes);
  return result;
}

}  // namespace

Mlp::Mlp(const Scope& scope, const MlpOptions& options, const ModelSizes& sizes) : activation(options.activation) {
  const std::vector<int64_t> widths = all_widths(options.widths, sizes);
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const bool is_outer = i == 0 || i + 2 == widths.size();
    const Scope own = scope / "layers" / static_cast<int64_t>(i);
    linears.emplace_back(own, widths[i], widths[i + 1], options.bias, options.initializer,
                         is_outer ? ParameterKind::outer_weight : ParameterKind::weight);
    paths.push_back(own.path());
  }
}

Tensor Mlp::operator()(const ModelInputs& inputs, const Pass& pass) const {
  require(inputs.values.defined(), "an mlp takes real vectors, and was given tokens");
  Tensor x = cast(inputs.values, linears.front().weight.dtype());
  for (size_t i = 0; i < linears.size(); ++i) {
    x = linears[i](x);
    if (i + 1 < linears.size()) x = activated(activation, x);
    x = pass.tap(paths[i], "output", x);
  }
  return x;
}

std::vector<NamedLayer> Mlp::layers() const {
  std::vector<NamedLayer> result;
  for (size_t i = 0; i < linears.size(); ++i) {
    result.push_back(named_layer(paths[i], linears[i].weight.dim(1), linears[i]));
  }
  return result;
}

namespace {

struct MlpConfig : ModelConfig {
  static constexpr const char* name = "mlp";
  static constexpr const char* help =
      "a multilayer perceptron of real vectors; without bias and activation a deep linear network";

  int64_t num_hidden = 2, width = 64;
  std::vector<int64_t> widths = {};
  std::string activation = "tanh", init = "xavier";
  double init_gain = 1.0;
  bool bias = true;

  void describe(Fields& field) override {
    field("num_hidden", num_hidden, "hidden layers, all of the same width", between(0, 1000));
    field("width", width, "of each hidden layer", between(1, 1000000));
    field("widths", widths, "of the hidden layers one by one, in place of num_hidden and width", between(1, 1000000));
    field("activation", activation, "after each hidden layer", one_of(mlp_activation_names));
    field("bias", bias, "whether layers add a vector");
    field("init", init, "of the weights: xavier, uniform with variance 2 / (in + out); kaiming, normal with 1 / in",
          one_of({"xavier", "kaiming"}));
    field("init_gain", init_gain, "what the weights are multiplied by at the start", greater_than(0), at_most(1000));
  }

  bool reads_real_inputs() const override { return true; }
  std::string misfit(const ModelSizes& sizes) const override {
    return sizes.features > 0 ? "" : "reads real vectors, and this task has tokens: encoder or decoder reads them";
  }

  double activations_per_token(const ModelSizes& sizes, bool /*recompute*/) const override {
    const std::vector<int64_t> all = all_widths(options().widths, sizes);
    // Before and after the activation, and their gradients.
    return 4.0 * static_cast<double>(std::accumulate(all.begin(), all.end(), int64_t{0}));
  }

  double product_operations(const ModelSizes& sizes, bool /*recompute*/) const override {
    const std::vector<int64_t> all = all_widths(options().widths, sizes);
    double operations = 0;
    for (size_t i = 0; i + 1 < all.size(); ++i) {
      const double once = 2 * static_cast<double>(all[i]) * static_cast<double>(all[i + 1]);
      operations += (i == 0 ? forward_and_backward - 1 : forward_and_backward) * once;  // inputs ask for no gradient
    }
    return static_cast<double>(sizes.max_length) * operations;
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    return std::make_unique<Mlp>(scope, options(), sizes);
  }

  MlpOptions options() const {
    return {.widths = widths.empty() ? std::vector<int64_t>(static_cast<size_t>(num_hidden), width) : widths,
            .activation = chosen<MlpActivation>(activation, mlp_activation_names),
            .bias = bias,
            .initializer = init == "xavier" ? xavier_uniform(init_gain) : kaiming_normal(init_gain)};
  }
};

const Registered<ModelConfig, MlpConfig> registered;

}  // namespace
}  // namespace transformlet
