// The small layers. A layer is a struct whose members are its parameters; operator() is the mathematics.
#pragma once

#include <optional>

#include "autograd/ops.h"
#include "layers/pass.h"
#include "layers/scope.h"

namespace transformlet {

// y = x W^T + b. weight (out, in), bias (out): Xavier-uniform and zeros unless said otherwise.
struct Linear {
  Linear(const Scope& scope, int64_t in_features, int64_t out_features, bool with_bias = true,
         const Initializer& initializer = xavier_uniform(), ParameterKind kind = ParameterKind::weight)
      : weight(scope.parameter("weight", {out_features, in_features}, initializer, kind)) {
    if (with_bias) bias = scope.parameter("bias", {out_features}, all_zeros(), ParameterKind::bias);
  }

  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }

  Tensor weight, bias;
};

// ids (...) -> (..., width). weight (rows, width): normal with deviation 1, as in PyTorch, unless said otherwise.
struct Embedding {
  Embedding(const Scope& scope, int64_t rows, int64_t width, const Initializer& initializer = normal(1.0))
      : weight(scope.parameter("weight", {rows, width}, initializer, ParameterKind::embedding)) {}

  Tensor operator()(const Tokens& ids) const { return gather_rows(weight, ids); }

  Tensor weight;
};

// Over the last axis: gain 1 and bias 0 to begin with.
struct LayerNorm {
  LayerNorm(const Scope& scope, int64_t width, bool with_bias = true, double epsilon = 1e-5)
      : gain(scope.parameter("gain", {width}, all_ones(), ParameterKind::gain)), epsilon(epsilon) {
    if (with_bias) bias = scope.parameter("bias", {width}, all_zeros(), ParameterKind::bias);
  }

  Tensor operator()(const Tensor& x) const { return layer_norm(x, gain, bias, epsilon); }

  Tensor gain, bias;
  double epsilon;
};

struct RMSNorm {
  RMSNorm(const Scope& scope, int64_t width, double epsilon = 1e-5)
      : gain(scope.parameter("gain", {width}, all_ones(), ParameterKind::gain)), epsilon(epsilon) {}

  Tensor operator()(const Tensor& x) const { return rms_norm(x, gain, epsilon); }

  Tensor gain;
  double epsilon;
};

enum class NormKind { layer, rms, none };
inline const std::vector<std::string> norm_names = {"layer", "rms", "none"};

// Either of the two, or x itself. bias: of LayerNorm.
struct Norm {
  Norm(const Scope& scope, int64_t width, NormKind kind, bool with_bias = true, double epsilon = 1e-5)
      : kind(kind), epsilon(epsilon) {
    if (kind != NormKind::none) gain = scope.parameter("gain", {width}, all_ones(), ParameterKind::gain);
    if (with_bias && kind == NormKind::layer) {
      bias = scope.parameter("bias", {width}, all_zeros(), ParameterKind::bias);
    }
  }

  Tensor operator()(const Tensor& x) const {
    if (kind == NormKind::none) return x;
    return kind == NormKind::layer ? layer_norm(x, gain, bias, epsilon) : rms_norm(x, gain, epsilon);
  }

  NormKind kind;
  Tensor gain, bias;
  double epsilon;
};

struct Dropout {
  Dropout(const Scope& scope, double probability) : path(scope.path()), probability(probability) {}

  Tensor operator()(const Tensor& x, const Pass& pass) const { return pass.dropout(path, x, probability); }

  std::string path;
  double probability;
};

// swiglu and geglu are gated: silu or gelu of one projection, times another (Shazeer 2020).
enum class Activation { relu, gelu, gelu_tanh, silu, swiglu, geglu };
inline const std::vector<std::string> activation_names = {"relu", "gelu", "gelu_tanh", "silu", "swiglu", "geglu"};
inline bool is_gated(Activation activation) { return activation >= Activation::swiglu; }
// The function of one number: of a gated activation that of its gate.
Tensor activate(Activation activation, const Tensor& x);

struct FeedForwardOptions {
  int64_t d_model = 0, d_ff = 0;
  Activation activation = Activation::relu;
  double dropout = 0.0;  // on the hidden units
  bool bias = true;
  Initializer up_initializer = xavier_uniform(), down_initializer = xavier_uniform();
};

// down(dropout(activation(up(x)))), or down(dropout(activation(gate(x)) * up(x))) if the activation is gated:
// (..., d_model) -> (..., d_model) through d_ff units.
struct FeedForward {
  FeedForward(const Scope& scope, const FeedForwardOptions& options)
      : path(scope.path()),
        gate(gate_if(is_gated(options.activation), scope, options)),
        up(scope / "up", options.d_model, options.d_ff, options.bias, options.up_initializer),
        down(scope / "down", options.d_ff, options.d_model, options.bias, options.down_initializer),
        activation(options.activation),
        dropout(scope / "dropout", options.dropout) {}

  Tensor operator()(const Tensor& x, const Pass& pass) const;

  std::string path;
  std::optional<Linear> gate;
  Linear up, down;
  Activation activation;
  Dropout dropout;

 private:
  static std::optional<Linear> gate_if(bool present, const Scope& scope, const FeedForwardOptions& options);
};

// The table of the paper (length, d_model): column 2i holds sin(position / 10000^(2i / d_model)), column 2i + 1 the
// cosine (Vaswani et al. 2017, section 3.5). A constant.
Tensor sinusoidal_positions(int64_t length, int64_t d_model, DType dtype);

enum class Position { none, sinusoidal, learned };

// Tells each place of a sequence where it is: x (B, T, d_model) -> x + T rows of the table, from the offset on. A
// learned table is normal with deviation 0.02 to begin with, as in GPT-2.
struct Positions {
  Positions(const Scope& scope, Position kind, int64_t max_length, int64_t d_model);

  // An Error if the sequence is longer than the table.
  Tensor operator()(const Tensor& x, int64_t offset = 0) const;

  Tensor table;  // (max_length, d_model); undefined: positions are not told
};

}  // namespace transformlet
