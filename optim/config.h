// The optimisers that there are, as config files choose them:
//   optimizer: {name: adam, learning_rate: 5.0e-4, betas: [0.9, 0.999], clip_norm: 5.0}
//
// Below, x is a parameter, g its gradient times the step's gradient_scale, r the learning rate, d the weight decay (0
// for a parameter that does not decay), and t counts steps from 1. State starts at zero. Every formula is PyTorch's
// (torch.optim 1.13), to rounding.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/fields.h"
#include "optim/optimizer.h"

namespace transformlet {

// The keys of every optimiser. The optimisers themselves use weight_decay only: the trainer hands the learning rate to
// the schedule and clips the gradients, and decides by decay_all_parameters which parameters decay.
struct OptimizerKeys {
  double learning_rate = 1e-3;
  double weight_decay = 0.0;
  bool decay_all_parameters = false;  // false: not biases, gains of norms and embeddings
  std::optional<double> clip_norm, clip_value;

 protected:
  void describe_decay_and_clipping(Fields& field);
};

// Stochastic gradient descent with momentum m and dampening p (Polyak 1964; Nesterov 1983, in the form of Sutskever et
// al. 2013):
//   g <- g + d x
//   v <- m v + (1 - p) g              in the first step v <- g, undamped
//   x <- x - r v                      Nesterov: x <- x - r (g + m v); without momentum: x <- x - r g
// State: velocity (v), if there is momentum.
struct SgdConfig : OptimizerKeys {
  static constexpr const char* name = "sgd";
  static constexpr const char* help = "stochastic gradient descent";
  double momentum = 0.0, dampening = 0.0;
  bool nesterov = false;

  void describe(Fields& field);
};

// Adam (Kingma and Ba 2015) with betas b1 and b2; weight decay is added to the gradient:
//   g <- g + d x
//   m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
//   x <- x - r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
// State: first_moment (m), second_moment (v).
struct AdamConfig : OptimizerKeys {
  static constexpr const char* name = "adam";
  static constexpr const char* help = "Adam (Kingma and Ba 2015); weight decay is added to the gradient";
  std::array<double, 2> betas = {0.9, 0.999};
  double epsilon = 1e-8;

  void describe(Fields& field);
};

// AdamW (Loshchilov and Hutter 2019): Adam with decoupled decay. Instead of the change to g, before the step:
//   x <- (1 - r d) x
struct AdamWConfig : AdamConfig {
  static constexpr const char* name = "adamw";
  static constexpr const char* help = "AdamW (Loshchilov and Hutter 2019): Adam with decoupled weight decay";
  AdamWConfig() { weight_decay = 0.01; }
};

using OptimizerConfig = std::variant<AdamConfig, AdamWConfig, SgdConfig>;

inline const OptimizerKeys& optimizer_keys(const OptimizerConfig& config) {
  return std::visit([](const auto& chosen) -> const OptimizerKeys& { return chosen; }, config);
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters);

}  // namespace transformlet
