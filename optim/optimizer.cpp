#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace transformlet {
namespace {

std::string described(const Tensor& x) { return fmt::format("{} of {}", x, name_of(x.dtype())); }

bool alike(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && a.dtype() == b.dtype(); }

void overwrite_with(Tensor& to, const Tensor& from) {
  with_dtype(to.dtype(), [&]<class T>() { std::copy_n(from.data<T>(), from.size(), overwrite<T>(to)); });
}

}  // namespace

Optimizer::Optimizer(std::vector<OptimizedParameter> parameters, const std::vector<std::string>& state_names)
    : Optimizer(std::move(parameters), [&](const OptimizedParameter&) { return state_names; }) {}

Optimizer::Optimizer(std::vector<OptimizedParameter> parameters, const StateNames& state_names)
    : parameters_(std::move(parameters)) {
  std::set<std::string> names;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& value = parameters_[i].value;
    require(value.defined(), "optimizer: parameter number {} is undefined", i);
    require(!value.name().empty(), "optimizer: parameter number {}, of shape {}, has no name: make it by leaf(x, name)",
            i, value);
    require(names.insert(value.name()).second, "optimizer: parameter {} stands twice", value.name());
    state_names_.push_back(state_names(parameters_[i]));
    states_.emplace_back();
    for (size_t s = 0; s < state_names_[i].size(); ++s) states_[i].push_back(zeros(value.shape(), value.dtype()));
  }
}

void Optimizer::check_gradients(const TensorList& gradients) const {
  require(gradients.size() == parameters_.size(), "optimizer: {} gradients for {} parameters", gradients.size(),
          parameters_.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (parameters_[i].is_frozen) continue;
    const Tensor& value = parameters_[i].value;
    require(gradients[i].defined(), "optimizer: parameter {} has no gradient", value.name());
    require(alike(gradients[i], value), "optimizer: parameter {} is {}, its gradient {}", value.name(),
            described(value), described(gradients[i]));
  }
}

void Optimizer::step(const TensorList& gradients, double learning_rate, double gradient_scale) {
  require(std::isfinite(learning_rate) && learning_rate >= 0, "optimizer: the learning rate is {}", learning_rate);
  require(std::isfinite(gradient_scale), "optimizer: the gradients' scale is {}", gradient_scale);
  check_gradients(gradients);
  const Step step{++step_count_, learning_rate, gradient_scale};
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].is_frozen) update(parameters_[i], gradients[i], states_[i], step);
  }
}

TensorList Optimizer::preconditioner() const {
  TensorList all;
  if (!has_preconditioner() || step_count_ == 0) return all;
  for (const TensorList& state : states_) all.push_back(preconditioner_of(state));
  return all;
}

std::vector<NamedState> Optimizer::state() const {
  std::vector<NamedState> all;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    for (size_t s = 0; s < state_names_[i].size(); ++s)
      all.push_back({parameters_[i].value.name() + "/" + state_names_[i][s], states_[i][s]});
  }
  return all;
}

void Optimizer::restore(int64_t step_count, const std::vector<NamedState>& saved) {
  std::string problems;
  const auto problem = [&](const std::string& text) { problems += "\n  " + text; };
  if (step_count < 0) problem(fmt::format("the step count is {}", step_count));

  std::map<std::string, Tensor> unclaimed;
  for (const NamedState& entry : saved) {
    if (!unclaimed.emplace(entry.name, entry.value).second) problem(entry.name + ": given twice");
  }
  std::vector<NamedState> own = state();
  TensorList sources;
  for (const NamedState& entry : own) {
    const auto found = unclaimed.extract(entry.name);
    if (found.empty() || !found.mapped().defined()) {
      problem(entry.name + ": missing");
    } else if (!alike(found.mapped(), entry.value)) {
      problem(fmt::format("{}: {}, not {}", entry.name, described(found.mapped()), described(entry.value)));
    } else {
      sources.push_back(found.mapped());
    }
  }
  for (const auto& [name, value] : unclaimed) problem(name + ": unknown");
  require(problems.empty(), "optimizer: the saved state does not fit:{}", problems);

  for (size_t i = 0; i < own.size(); ++i) overwrite_with(own[i].value, sources[i]);
  step_count_ = step_count;
}

}  // namespace transformlet
