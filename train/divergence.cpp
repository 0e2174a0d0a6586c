#include "train/divergence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "autograd/node.h"
#include "autograd/observer.h"
#include "train/evaluation.h"

namespace transformlet {
namespace {

bool is_finite(const Tensor& x) {
  return with_dtype(x.dtype(), [&]<class T>() {
    return std::all_of(x.data<T>(), x.data<T>() + x.size(), [](T value) { return std::isfinite(value); });
  });
}

// The layer of a parameter: "encoder.final_norm" of "encoder.final_norm.gain".
std::string layer_of(const std::string& parameter) { return parameter.substr(0, parameter.find_last_of('.')); }

// An op's outputs are seen when others take them as inputs, which may be in another order; the oldest counts.
class Finder : public Observer {
 public:
  void recorded(const NodePointer& node, const TensorList& inputs) override {
    std::string place;
    for (const Tensor& x : inputs) {
      if (place.empty() && is_leaf(x) && !x.name().empty()) place = layer_of(x.name());
    }
    if (!place.empty()) {
      last_layer_ = place;
      place = " in " + place;
    } else if (!last_layer_.empty()) {
      place = " after " + last_layer_;
    }
    names_[node->id] = fmt::format("the output of {}{}", node->op, place);
    for (const Tensor& x : inputs) look_at(x);
  }
  void replaced(const Tensor& inner, const Tensor& /*outer*/) override { look_at(inner); }

  void look_at(const Tensor& x) {
    if (!x.requires_grad()) return;
    const auto name = names_.find(x.body().node->id);  // not a leaf's
    if (name == names_.end() || (first_ && *first_ <= name->first) || is_finite(x)) return;
    first_ = name->first;
    found_ = fmt::format("{} {}", name->second, x);
  }

  const std::string& found() const { return found_; }

 private:
  std::map<int64_t, std::string> names_;  // of ops, by their nodes' ids
  std::string last_layer_, found_;
  std::optional<int64_t> first_;
};

std::string first_gradient_not_finite(const Tensor& loss, const TensorList& parameters) {
  std::string found;
  grad(loss, parameters, {.on_gradient = [&](size_t i, const Tensor& gradient) {
         if (found.empty() && !is_finite(gradient)) {
           found = fmt::format("the gradient of {} {}", parameters[i].name(), gradient);
         }
       }});
  return found;
}

}  // namespace

std::string first_weight_not_finite(const Parameters& parameters) {
  std::string found;
  int64_t others = 0;
  for (const Tensor& parameter : parameters.tensors()) {
    if (is_finite(parameter)) continue;
    if (found.empty()) {
      found = fmt::format("the weight {} {}", parameter.name(), parameter);
    } else {
      ++others;
    }
  }
  return others == 0 ? found : fmt::format("{} and {} more", found, others);
}

std::string first_activation_not_finite(const std::function<Tensor()>& compute) {
  Finder finder;
  const Observing on(finder);
  finder.look_at(compute());
  return finder.found();
}

std::string first_not_finite_in_step(TrainingStep& training_step, const Parameters& parameters, int64_t step) {
  std::string found = first_weight_not_finite(parameters);
  const std::vector<MicroBatch> parts = training_step.micro_batches(step);
  for (size_t i = 0; i < parts.size() && found.empty(); ++i) {
    found = first_activation_not_finite([&] { return training_step.loss(parts[i], step); });
  }
  for (size_t i = 0; i < parts.size() && found.empty(); ++i) {
    found = first_gradient_not_finite(training_step.loss(parts[i], step), parameters.tensors());
  }
  return found;
}

std::string first_not_finite_in_evaluation(const Model& model, const Task& task, Split split,
                                           const std::vector<int64_t>& examples, int64_t batch_size) {
  for (const std::vector<int64_t>& some : in_batches(examples, batch_size)) {
    const Batch batch = task.evaluation_batch(split, some);
    const std::string found =
        first_activation_not_finite([&] { return batch.loss(model(batch.model_inputs(), Pass::evaluation())); });
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace transformlet
