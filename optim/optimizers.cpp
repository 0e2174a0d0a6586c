// The optimisers of optim/config.h: each turns its formula's scalars into the coefficients of one sweep.
#include <cmath>

#include "autograd/kernels/optimizer.h"
#include "optim/config.h"

namespace transformlet {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdConfig& config, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters),
                  config.momentum > 0 ? std::vector<std::string>{"velocity"} : std::vector<std::string>{}),
        config_(config) {}

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

enum class Decay { in_gradient, decoupled };

class Adam final : public Optimizer {
 public:
  Adam(const AdamConfig& config, Decay decay, std::vector<OptimizedParameter> parameters)
      : Optimizer(std::move(parameters), {"first_moment", "second_moment"}), config_(config), decay_(decay) {}

 private:
  void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) override {
    const auto [beta1, beta2] = config_.betas;
    const double weight_decay = parameter.decays ? config_.weight_decay : 0.0;
    const auto steps = static_cast<double>(step.number);
    const kernels::AdamCoefficients coefficients = {
        .gradient_scale = step.gradient_scale,
        .weight_decay = decay_ == Decay::in_gradient ? weight_decay : 0.0,
        .beta1 = beta1,
        .beta2 = beta2,
        .value_keeps = decay_ == Decay::decoupled ? 1.0 - step.learning_rate * weight_decay : 1.0,
        .step_size = step.learning_rate / (1.0 - std::pow(beta1, steps)),
        .root_scale = 1.0 / std::sqrt(1.0 - std::pow(beta2, steps)),
        .epsilon = config_.epsilon,
    };
    with_dtype(gradient.dtype(), [&]<class T>() {
      kernels::optimizer<T>().adam(gradient.size(), coefficients, gradient.data<T>(), overwrite<T>(parameter.value),
                                   overwrite<T>(state[0]), overwrite<T>(state[1]));
    });
  }

  AdamConfig config_;
  Decay decay_;
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

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config, std::vector<OptimizedParameter> parameters) {
  return std::visit([&](const auto& chosen) { return make(chosen, std::move(parameters)); }, config);
}

}  // namespace transformlet
