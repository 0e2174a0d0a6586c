// What all optimisers have in common: the parameters that they own the writing of, their state, and one step.
// Which there are, with their formulas, is in optim/config.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

// A leaf to be trained. `decays`: whether weight decay applies to it. The caller decides that; the usual choice is
// matrices of weights, but not biases, gains of norms and embeddings. `is_hidden`: a weight between hidden layers,
// which faces neither ids nor classes: some optimisers treat such matrices in a way of their own.
// `is_frozen`: steps leave it and its state as they are, and need no gradient of it.
struct OptimizedParameter {
  Tensor value;
  bool decays;
  bool is_hidden = false;
  bool is_frozen = false;
  double rate_scale = 1;  // of the step's learning rate, without its decay: Adam and AdamW alone know of it
};

// One tensor of an optimiser's state: "<parameter's name>/first_moment".
struct NamedState {
  std::string name;
  Tensor value;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Writes the next value of every parameter. `gradients` are in the order of the parameters; each is taken times
  // `gradient_scale` (clip_scale() of optim/clip.h), within the same sweep. Errors, before anything is written: a
  // gradient that is missing or of another shape or dtype, named by its parameter; a learning rate that is not finite
  // or below 0; a scale that is not finite. The gradients' own values are not looked at: NaN in a gradient makes its
  // parameter NaN, and the caller sees it in global_norm().
  void step(const TensorList& gradients, double learning_rate, double gradient_scale = 1.0);

  // How many steps were taken, those before a restore included.
  int64_t step_count() const { return step_count_; }

  // Whether every step divides an average of gradients by a diagonal P, x <- x - r P^-1 m; and that of the newest step,
  // in the order of the parameters; empty: there is none, or no step was taken.
  virtual bool has_preconditioner() const { return false; }
  TensorList preconditioner() const;
  // How curved a quadratic may be, at most, for steps at this rate to stay bounded on it: the largest eigenvalue of the
  // Hessian H or, where there is a preconditioner that stays as it is, of P^-1/2 H P^-1/2. Weight decay is left out.
  // Nothing: not known of this optimiser.
  virtual std::optional<double> largest_stable_curvature(double /*learning_rate*/) const { return std::nullopt; }

  // The whole state besides the step count, in a fixed order. The tensors are live: the next step changes them; copy()
  // keeps one.
  std::vector<NamedState> state() const;

  // Goes on from a saved state: the next step gives the same bits as it would have given then. The order is free. What
  // is missing, unknown, given twice, or of another shape or dtype is said in one Error, and then nothing is changed.
  void restore(int64_t step_count, const std::vector<NamedState>& saved);

 protected:
  struct Step {
    int64_t number;  // 1 for the first
    double learning_rate, gradient_scale;
  };

  // Every parameter gets one tensor of zeros, of its own shape and dtype, for each of its state's names. Errors: a
  // parameter that is no leaf, has no name (state is saved under it), or stands twice.
  using StateNames = std::function<std::vector<std::string>(const OptimizedParameter&)>;
  Optimizer(std::vector<OptimizedParameter> parameters, const StateNames& state_names);
  // The same names for all.
  Optimizer(std::vector<OptimizedParameter> parameters, const std::vector<std::string>& state_names);

  // Writes one parameter and its state, which is in the order of its names.
  virtual void update(OptimizedParameter& parameter, const Tensor& gradient, TensorList& state, const Step& step) = 0;
  // The part of preconditioner() that belongs to one parameter, where there is one. At least one step was taken.
  virtual Tensor preconditioner_of(const TensorList& /*state*/) const { return {}; }

 private:
  void check_gradients(const TensorList& gradients) const;

  std::vector<OptimizedParameter> parameters_;
  std::vector<std::vector<std::string>> state_names_;  // one list for each parameter
  std::vector<TensorList> states_;                     // beside them
  int64_t step_count_ = 0;
};

}  // namespace transformlet
