// The optimisers that there are, as config files choose them:
//   optimizer: {name: adam, learning_rate: 5.0e-4, betas: [0.9, 0.999], clip_norm: 5.0}
//
// Below, x is a parameter, g its gradient times the step's gradient_scale, r the learning rate, d the weight decay (0
// for a parameter that does not decay), and t counts steps from 1. State starts at zero. The formulas of SGD, Adam and
// AdamW are PyTorch's (torch.optim 1.13), those of Lion and Muon their authors' published code's, to rounding.
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

// Lion (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2; github.com/google/automl) with
// betas b1 and b2, and decoupled decay:
//   x <- (1 - r d) x - r sign(b1 m + (1 - b1) g)
//   m <- b2 m + (1 - b2) g
// Every element moves by r, so r is to be 3 to 10 times smaller than AdamW's, and d as many times larger.
// State: momentum (m).
struct LionConfig : OptimizerKeys {
  static constexpr const char* name = "lion";
  static constexpr const char* help = "Lion (Chen et al. 2023): the sign of a momentum; decoupled weight decay";
  std::array<double, 2> betas = {0.9, 0.99};
  LionConfig() { learning_rate = 1e-4; }

  void describe(Fields& field);
};

// Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon; github.com/KellerJordan/Muon) with momentum u, for the
// matrices (rows, columns) of hidden layers:
//   m <- u m + (1 - u) g
//   x <- (1 - r d) x - r sqrt(max(1, rows / columns)) O((1 - u) g + u m)
// where O, by five steps of optim/newton_schulz.h, brings all singular values near 1. It computes in the parameter's
// dtype, where the authors' code goes through bfloat16. A packed projection of queries, keys and values is one matrix.
//
// Every other parameter (embeddings, the first and last matrix, gains, biases) moves by AdamW with `betas` and
// `epsilon`, at the rate r * adamw_learning_rate / learning_rate: the schedule moves both rates alike.
// State: momentum (m); of the others first_moment, second_moment.
struct MuonConfig : OptimizerKeys {
  static constexpr const char* name = "muon";
  static constexpr const char* help =
      "Muon (Jordan et al. 2024): orthogonalised momentum for the matrices of hidden layers, AdamW for all else";
  double momentum = 0.95, adamw_learning_rate = 3e-4, epsilon = 1e-10;
  std::array<double, 2> betas = {0.9, 0.95};
  MuonConfig() { learning_rate = 0.02; }

  void describe(Fields& field);
};

using OptimizerConfig = std::variant<AdamConfig, AdamWConfig, SgdConfig, LionConfig, MuonConfig>;

inline const OptimizerKeys& optimizer_keys(const OptimizerConfig& config) {
  return std::visit([](const auto& chosen) -> const OptimizerKeys& { return chosen; }, config);
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters);

}  // namespace transformlet
