// A multilayer perceptron of real vectors: linear layers with one activation between them.
#pragma once

#include "layers/basic.h"
#include "layers/model.h"

namespace transformlet {

enum class MlpActivation { identity, tanh, relu, gelu };

struct MlpOptions {
  std::vector<int64_t> widths;  // of the hidden layers
  MlpActivation activation = MlpActivation::tanh;
  bool bias = true;
  Initializer initializer = xavier_uniform();
};

// values (..., features) -> (..., outputs), each vector by itself: W_l a(... a(W_1 x + b_1) ...) + b_l. With the
// identity and without biases it is a deep linear network: a product of matrices.
struct Mlp : Model {
  Mlp(const Scope& scope, const MlpOptions& options, const ModelSizes& sizes);

  using Model::operator();
  // A listener is told of "layers.<i>.output", after the activation.
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override;

  MlpActivation activation;
  std::vector<Linear> linears;
  std::vector<std::string> paths;  // "layers.0", ...
};

}  // namespace transformlet
