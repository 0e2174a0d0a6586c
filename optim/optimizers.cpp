// The optimisers of optim/config.h: each turns its formula's scalars into the coefficients of one sweep.
#include <algorithm>
#include <cmath>

#include "autograd/kernels/optimizer.h"
#include "optim/config.h"
#include "optim/newton_schulz.h"

namespace transformlet {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdConfig& config, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters),
                  config.momentum > 0 ? std::vector<std::string>{"velocity"} : std::vector<std::string>{}),
        config_(config) {}

  // On x' = c x the step is x <- (1 + m - r s c) x - m (x of before), with s = 1 - dampening, or with Nesterov
  // x <- (1 - r c) (1 + m) x - m (1 - r c) (x of before): stable until an eigenvalue of that is -1 (Cohen et al. 2021,
  // appendix B).
  std::optional<double> largest_stable_curvature(double learning_rate) const override {
    const double m = config_.momentum, s = m > 0 ? 1.0 - config_.dampening : 1.0;
    return (2.0 + 2.0 * m) / (learning_rate * (config_.nesterov ? 1.0 + 2.0 * m : s));
  }

 private:
  void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) override {
    const bool first = step.number == 1;  // its velocity is the gradient, undamped
    const kernels::SgdCoefficients coefficients = {
        .learning_rate = step.learning_rate,
        .gradient_scale = step.gradient_scale,
        .weight_decay = parameter.decays ? config_.weight_decay : 0.0,
        .velocity_keeps = config_.momentum,
        .velocity_takes = first ? 1.0 : 1.0 - config_.dampening,
        .gradient_share = config_.nesterov ? 1.0 : 0.0,
        .velocity_share = config_.nesterov ? config_.momentum : 1.0,
    };
    with_dtype(gradient.dtype(), [&]<class T>() {
      T* const value = overwrite<T>(parameter.value);
      if (state.empty()) {
        kernels::optimizer<T>().sgd(gradient.size(), coefficients, gradient.data<T>(), value);
      } else {
        kernels::optimizer<T>().sgd_momentum(gradient.size(), coefficients, gradient.data<T>(), value,
                                             overwrite<T>(state[0]));
      }
    });
  }

  SgdConfig config_;
};

// Without decay, which callers add.
kernels::AdamCoefficients adam_coefficients(const std::array<double, 2>& betas, double epsilon, int64_t step_number,
                                            double learning_rate, double gradient_scale) {
  const auto steps = static_cast<double>(step_number);
  return {.gradient_scale = gradient_scale,
          .weight_decay = 0.0,
          .beta1 = betas[0],
          .beta2 = betas[1],
          .value_keeps = 1.0,
          .step_size = learning_rate / (1.0 - std::pow(betas[0], steps)),
          .root_scale = 1.0 / std::sqrt(1.0 - std::pow(betas[1], steps)),
          .epsilon = epsilon};
}

void adam_sweep(const kernels::AdamCoefficients& coefficients, const Tensor& gradient, Tensor& value,
                TensorList& state) {
  with_dtype(gradient.dtype(), [&]<class T>() {
    kernels::optimizer<T>().adam(gradient.size(), coefficients, gradient.data<T>(), overwrite<T>(value),
                                 overwrite<T>(state[0]), overwrite<T>(state[1]));
  });
}

enum class Decay { in_gradient, decoupled };

class Adam final : public Optimizer {
 public:
  Adam(const AdamConfig& config, Decay decay, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters), {"first_moment", "second_moment"}), config_(config), decay_(decay) {}

  bool has_preconditioner() const override { return true; }
  // Heavy-ball momentum whose gradients count (1 - b1) times (Cohen et al. 2022, section 3): 38 / r for b1 = 0.9.
  std::optional<double> largest_stable_curvature(double learning_rate) const override {
    const double beta = config_.betas[0];
    return (2.0 + 2.0 * beta) / ((1.0 - beta) * learning_rate);
  }

 private:
  // (1 - b1^t) (sqrt(v / (1 - b2^t)) + epsilon): the correction of m is a part of it.
  Tensor preconditioner_of(const TensorList& state) const override {
    const auto steps = static_cast<double>(step_count());
    const double of_first = 1.0 - std::pow(config_.betas[0], steps),
                 of_second = 1.0 - std::pow(config_.betas[1], steps);
    Tensor result = empty_like(state[1]);
    with_dtype(result.dtype(), [&]<class T>() {
      const T* const v = state[1].data<T>();
      T* const p = result.data<T>();
      for (int64_t i = 0; i < result.size(); ++i) {
        p[i] = static_cast<T>(of_first * (std::sqrt(static_cast<double>(v[i]) / of_second) + config_.epsilon));
      }
    });
    return result;
  }

  void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) override {
    const double weight_decay = parameter.decays ? config_.weight_decay : 0.0;
    kernels::AdamCoefficients coefficients = adam_coefficients(
        config_.betas, config_.epsilon, step.number, parameter.rate_scale * step.learning_rate, step.gradient_scale);
    if (decay_ == Decay::in_gradient) {
      coefficients.weight_decay = weight_decay;
    } else {
      coefficients.value_keeps = 1.0 - step.learning_rate * weight_decay;
    }
    adam_sweep(coefficients, gradient, parameter.value, state);
  }

  AdamConfig config_;
  Decay decay_;
};

class Lion final : public Optimizer {
 public:
  Lion(const LionConfig& config, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters), std::vector<std::string>{"momentum"}), config_(config) {}

 private:
  void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) override {
    const double weight_decay = parameter.decays ? config_.weight_decay : 0.0;
    const kernels::LionCoefficients coefficients = {
        .gradient_scale = step.gradient_scale,
        .learning_rate = step.learning_rate,
        .beta1 = config_.betas[0],
        .beta2 = config_.betas[1],
        .value_keeps = 1.0 - step.learning_rate * weight_decay,
    };
    with_dtype(gradient.dtype(), [&]<class T>() {
      kernels::optimizer<T>().lion(gradient.size(), coefficients, gradient.data<T>(), overwrite<T>(parameter.value),
                                   overwrite<T>(state[0]));
    });
  }

  LionConfig config_;
};

class Muon final : public Optimizer {
 public:
  Muon(const MuonConfig& config, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters),
                  [](const OptimizedParameter& parameter) {
                    return is_orthogonalized(parameter) ? std::vector<std::string>{"momentum"}
                                                        : std::vector<std::string>{"first_moment", "second_moment"};
                  }),
        config_(config) {}

 private:
  static bool is_orthogonalized(const OptimizedParameter& parameter) {
    return parameter.is_hidden && parameter.value.rank() == 2;
  }

  void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) override {
    const bool orthogonalizes = is_orthogonalized(parameter);
    const double rate = orthogonalizes ? step.learning_rate
                                       : step.learning_rate * (config_.adamw_learning_rate / config_.learning_rate);
    const double value_keeps = 1.0 - rate * (parameter.decays ? config_.weight_decay : 0.0);
    if (orthogonalizes) {
      move_matrix(parameter.value, gradient, state[0], rate, value_keeps, step.gradient_scale);
    } else {
      kernels::AdamCoefficients coefficients =
          adam_coefficients(config_.betas, config_.epsilon, step.number, rate, step.gradient_scale);
      coefficients.value_keeps = value_keeps;
      adam_sweep(coefficients, gradient, parameter.value, state);
    }
  }

  void move_matrix(Tensor& value, const Tensor& gradient, Tensor& momentum, double rate, double value_keeps,
                   double gradient_scale) const {
    const double keeps = config_.momentum, takes = (1.0 - keeps) * gradient_scale;
    const double size = std::sqrt(std::max(1.0, static_cast<double>(value.dim(0)) / static_cast<double>(value.dim(1))));
    with_dtype(value.dtype(), [&]<class T>() {
      const auto combine = kernels::optimizer<T>().combine;
      combine(value.size(), takes, gradient.data<T>(), keeps, overwrite<T>(momentum));
      Tensor direction = copy(momentum);
      combine(value.size(), takes, gradient.data<T>(), keeps, direction.data<T>());
      const Tensor orthogonal = newton_schulz(direction);
      combine(value.size(), -rate * size, orthogonal.data<T>(), value_keeps, overwrite<T>(value));
    });
  }

  MuonConfig config_;
};

std::unique_ptr<Optimizer> make(const SgdConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::make_unique<Sgd>(config, std::move(parameters));
}
std::unique_ptr<Optimizer> make(const AdamConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::make_unique<Adam>(config, Decay::in_gradient, std::move(parameters));
}
std::unique_ptr<Optimizer> make(const AdamWConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::make_unique<Adam>(config, Decay::decoupled, std::move(parameters));
}

std::unique_ptr<Optimizer> make(const LionConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::make_unique<Lion>(config, std::move(parameters));
}
std::unique_ptr<Optimizer> make(const MuonConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::make_unique<Muon>(config, std::move(parameters));
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::visit([&](const auto& chosen) { return make(chosen, std::move(parameters)); }, config);
}

}  // namespace transformlet
