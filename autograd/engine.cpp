// grad(): the walk back through the graph.
#include <algorithm>
#include <span>

#include "autograd/graph.h"
#include "autograd/kernels/functions.h"
#include "autograd/node.h"
#include "autograd/ops.h"
#include "autograd/profile.h"

namespace transformlet {
namespace {

class Walk {
 public:
  Walk(const TensorList& ys, const TensorList& targets, const TensorList& until, const GradOptions& options)
      : options_(options), results_(targets.size()) {
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < targets.size(); ++i) {
      require(targets[i].requires_grad(),
              "grad: target {} of shape {} is a constant; make it a leaf() before it is used", i, targets[i]);
      oldest = std::min(oldest, targets[i].body().node->id);
    }
    graph_ = ancestry(ys, oldest, until);
    const size_t count = graph_.nodes.size();
    visits_.resize(count);
    for (size_t i = 0; i < count; ++i) visits_[i].gradients.resize(graph_.nodes[i]->outputs.size());
    for (size_t t = 0; t < targets.size(); ++t) {
      if (Visit* const visit = visit_of(targets[t])) {
        visit->targets.push_back({t, targets[t].body().output});
        visit->needed = true;
      }
    }
    // Inputs are older, so they come later in the list: going backwards sees each node after all that it depends on.
    for (size_t i = count; i-- > 0;) {
      for (const size_t input : graph_.inputs_of(i)) visits_[i].needed |= is_needed(input);
    }
    for (size_t i = 0; i < count; ++i) {
      if (!visits_[i].needed) continue;
      for (const size_t input : graph_.inputs_of(i)) {
        if (is_needed(input)) ++visits_[input].consumers;
      }
    }
    for (size_t i = 0; i < ys.size(); ++i) {
      const Tensor seed = seed_for(ys, i);
      if (Visit* const visit = visit_of(ys[i])) add(visit->gradients[static_cast<size_t>(ys[i].body().output)], seed);
    }
  }

  TensorList run(const TensorList& targets) {
    for (Visit& visit : visits_) {
      if (visit.needed && visit.consumers == 0) complete(visit);
    }
    for (size_t i = 0; i < visits_.size(); ++i) {
      if (visits_[i].needed) step_back(i);
    }
    for (size_t t = 0; t < targets.size(); ++t) {
      if (delivered_.size() > t && delivered_[t]) continue;
      if (!results_[t].defined()) deliver(t, zeros(targets[t].shape(), targets[t].dtype()));
    }
    return std::move(results_);
  }

 private:
  struct Visit {
    std::vector<Tensor> gradients;                // one for each output of the node, as far as it is known
    std::vector<std::pair<size_t, int>> targets;  // which targets are outputs of this node
    int consumers = 0;                            // needed edges into this node that have not brought their part yet
    bool needed = false;                          // a path joins it to a target
  };

  Visit* visit_of(const Tensor& x) {
    const size_t place = graph_.find(x.body().node);
    return place == Ancestry::nowhere ? nullptr : &visits_[place];
  }

  bool is_needed(size_t place) const { return place != Ancestry::nowhere && visits_[place].needed; }

  Tensor seed_for(const TensorList& ys, size_t i) const {
    const Tensor& y = ys[i];
    if (options_.seeds.empty()) {
      require(y.size() == 1, "grad: y of shape {} is not one number; reduce it to a scalar, or give a seed", y);
      return full(y.shape(), 1.0, y.dtype());
    }
    require(options_.seeds.size() == ys.size(), "grad: {} seeds were given for {} outputs", options_.seeds.size(),
            ys.size());
    const Tensor& seed = options_.seeds[i];
    require(seed.shape() == y.shape() && seed.dtype() == y.dtype(), "grad: seed {} of {} does not match y {} of {}",
            seed, name_of(seed.dtype()), y, name_of(y.dtype()));
    return seed;
  }

  void add(Tensor& sum, Tensor part) {
    if (!sum.defined()) {
      sum = std::move(part);
    } else if (!options_.differentiable && sum.unshared()) {
      with_dtype(sum.dtype(),
                 [&]<class T>() { kernels::functions<T>().add_into(sum.size(), part.data<T>(), sum.data<T>()); });
    } else {
      sum = sum + part;
    }
  }

  // All consumers of this node have been heard: its gradients are final.
  void complete(Visit& visit) {
    for (const auto& [target, output] : visit.targets) {
      const Tensor& gradient = visit.gradients[static_cast<size_t>(output)];
      if (gradient.defined()) deliver(target, gradient);
    }
  }

  void deliver(size_t target, Tensor gradient) {
    if (options_.on_gradient) {
      delivered_.resize(results_.size());
      delivered_[target] = true;
      options_.on_gradient(target, std::move(gradient));
    } else {
      results_[target] = std::move(gradient);
    }
  }

  void step_back(size_t place) {
    const NodePointer& node = graph_.nodes[place];
    const std::span<const size_t> inputs = graph_.inputs_of(place);
    Visit& visit = visits_[place];
    const bool any = std::any_of(visit.gradients.begin(), visit.gradients.end(), [](auto& g) { return g.defined(); });
    needed_.assign(inputs.size(), false);
    bool wanted = false;
    for (size_t i = 0; i < inputs.size(); ++i) wanted |= needed_[i] = is_needed(inputs[i]);
    TensorList gradients;
    if (any && wanted) {
      if (current_profile != nullptr) current_profile->part("walk");
      gradients = differentiate(node, visit, inputs);
      if (current_profile != nullptr) current_profile->backward(*node, needed_);
    }
    visit.gradients.clear();  // before the sums, so that a gradient passed on as it is may be added to in place
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needed_[i]) continue;
      Visit& input = visits_[inputs[i]];
      if (i < gradients.size() && gradients[i].defined()) {
        Tensor part = std::move(gradients[i]);
        if (part.shape() != node->inputs[i].shape) part = sum_to(part, node->inputs[i].shape);
        add(input.gradients[static_cast<size_t>(node->inputs[i].output)], std::move(part));
      }
      if (--input.consumers == 0) complete(input);
    }
    if (!options_.keep_graph && !options_.differentiable && !node->inputs.empty() && any) node->release();
  }

  TensorList differentiate(const NodePointer& node, Visit& visit, std::span<const size_t> inputs) {
    require(!node->released,
            "grad: the graph through {} was released by an earlier grad; ask for keep_graph there, or compute the "
            "forward pass again",
            node->op);
    const bool by_reference = options_.differentiable && node->reference;
    check_versions(node->op, by_reference ? node->kept_inputs : node->saved,
                   by_reference ? node->kept_versions : node->saved_versions);
    outputs_.clear();
    for (size_t i = 0; i < visit.gradients.size(); ++i) {
      const Node::Output& output = node->outputs[i];
      if (!visit.gradients[i].defined()) visit.gradients[i] = zeros(output.shape, output.dtype);
      outputs_.push_back(output_tensor(node, static_cast<int>(i)));
    }
    if (by_reference) return differentiate_reference(*node, visit);

    sums_.assign(inputs.size(), nullptr);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needed_[i] || options_.differentiable) continue;
      Tensor& sum = visits_[inputs[i]].gradients[static_cast<size_t>(node->inputs[i].output)];
      if (sum.defined() && sum.unshared() && sum.shape() == node->inputs[i].shape) sums_[i] = &sum;
    }
    const RecordingIs mode(options_.differentiable);
    TensorList gradients = node->vjp(Backward{node->saved, outputs_, visit.gradients, needed_, sums_});
    if (options_.differentiable) require_differentiable(*node, visit, gradients);
    outputs_.clear();
    return gradients;
  }

  static void check_versions(const char* op, const TensorList& tensors, const std::vector<uint64_t>& versions) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      require(tensors[i].body().buffer->version == versions[i],
              "grad: {} saved {} {}, which has been overwritten since; compute the forward pass again", op,
              tensors[i].name().empty() ? "a tensor" : tensors[i].name(), tensors[i]);
    }
  }

  // A vjp made of loops gives constants: the next derivative would silently be zero.
  static void require_differentiable(const Node& node, const Visit& visit, const TensorList& gradients) {
    const auto tracked = [](const Tensor& x) { return x.requires_grad(); };
    if (std::none_of(visit.gradients.begin(), visit.gradients.end(), tracked)) return;
    for (const Tensor& gradient : gradients) {
      if (!gradient.defined() || tracked(gradient)) continue;
      const std::vector<double> values = gradient.to_vector();
      require(std::all_of(values.begin(), values.end(), [](double value) { return value == 0; }),
              "grad: the vjp of {} gives constants where a differentiable gradient is asked for; write it with ops, or "
              "give the op a reference",
              node.op);
    }
  }

  // Differentiates what the op means instead of how it is computed. Fresh aliases of the inputs, one for each argument,
  // count an input that stands twice, or that depends on another, once for each place.
  TensorList differentiate_reference(const Node& node, const Visit& visit) {
    require(!node.kept_inputs.empty(),
            "grad: a differentiable gradient through {} needs its inputs; open a HigherOrder guard before the forward "
            "pass",
            node.op);
    const RecordingIs on(true);
    TensorList aliases, targets;
    for (size_t i = 0; i < needed_.size(); ++i) {
      aliases.push_back(node.kept_inputs[i].requires_grad() ? alias(node.kept_inputs[i]) : node.kept_inputs[i]);
      if (needed_[i]) targets.push_back(aliases[i]);
    }
    TensorList gradients = grad(node.reference(aliases), targets, {.seeds = visit.gradients, .differentiable = true});
    TensorList result(needed_.size());
    for (size_t i = 0, next = 0; i < needed_.size(); ++i) {
      if (needed_[i]) result[i] = std::move(gradients[next++]);
    }
    return result;
  }

  const GradOptions& options_;
  TensorList results_;
  std::vector<bool> delivered_;
  Ancestry graph_;
  std::vector<Visit> visits_;  // beside the nodes of the graph

  // Of the node at hand: members so that their memory is used again.
  std::vector<bool> needed_;   // which inputs want a gradient
  std::vector<Tensor*> sums_;  // for Backward
  TensorList outputs_;         // for Backward
};

}  // namespace

Tensor Backward::room_like_dy() const { return dy().unshared() ? dy() : empty_like(dy()); }

TensorList grad_until(const TensorList& ys, const TensorList& targets, const TensorList& until,
                      const GradOptions& options) {
  const RecordingIs mode(options.differentiable);
  if (current_profile != nullptr) current_profile->skip();
  TensorList gradients = Walk(ys, targets, until, options).run(targets);
  if (current_profile != nullptr) current_profile->part("walk");
  return gradients;
}

TensorList grad(const TensorList& ys, const TensorList& targets, const GradOptions& options) {
  return grad_until(ys, targets, {}, options);
}

TensorList grad(const Tensor& y, const TensorList& targets, const GradOptions& options) {
  return grad(TensorList{y}, targets, options);
}

}  // namespace transformlet
