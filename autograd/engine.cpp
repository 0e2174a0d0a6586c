// grad(): the walk back through the graph.
#include <algorithm>
#include <unordered_map>

#include "autograd/graph.h"
#include "autograd/kernels/elementwise.h"
#include "autograd/node.h"
#include "autograd/ops.h"

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
    nodes_ = reachable(ys, oldest, until);
    visits_.resize(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i) {
      index_[nodes_[i].get()] = i;
      visits_[i].gradients.resize(nodes_[i]->outputs.size());
    }
    for (const Tensor& x : until) {
      if (const auto found = index_.find(x.body().node.get()); found != index_.end()) {
        visits_[found->second].is_end = true;
      }
    }
    for (size_t t = 0; t < targets.size(); ++t) {
      if (const auto found = index_.find(targets[t].body().node.get()); found != index_.end()) {
        visits_[found->second].targets.push_back({t, targets[t].body().output});
        visits_[found->second].needed = true;
      }
    }
    // Inputs are older, so they come later in the list: going backwards sees each node after all that it depends on.
    for (size_t i = nodes_.size(); i-- > 0;) {
      for (size_t k = 0; k < nodes_[i]->inputs.size(); ++k) {
        if (needed_input(i, k) != nullptr) visits_[i].needed = true;
      }
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!visits_[i].needed) continue;
      for (size_t k = 0; k < nodes_[i]->inputs.size(); ++k) {
        if (Visit* const visit = needed_input(i, k)) ++visit->consumers;
      }
    }
    for (size_t i = 0; i < ys.size(); ++i) {
      const Tensor seed = seed_for(ys, i);
      if (const auto found = index_.find(ys[i].body().node.get()); found != index_.end()) {
        add(visits_[found->second].gradients[static_cast<size_t>(ys[i].body().output)], seed);
      }
    }
  }

  TensorList run(const TensorList& targets) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (visits_[i].needed && visits_[i].consumers == 0) complete(visits_[i]);
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
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
    bool is_end = false;                          // the walk goes no further
  };

  // What is known of the k-th input of a node, if a path joins it to a target.
  Visit* needed_input(size_t node, size_t k) {
    const Node::Input& input = nodes_[node]->inputs[k];
    if (input.node == nullptr || visits_[node].is_end) return nullptr;
    const auto found = index_.find(input.node.get());
    return found == index_.end() || !visits_[found->second].needed ? nullptr : &visits_[found->second];
  }

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
      with_dtype(sum.dtype(), [&]<class T>() { kernels::add_into(sum.size(), part.data<T>(), sum.data<T>()); });
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
    const NodePointer& node = nodes_[place];
    Visit& visit = visits_[place];
    const bool any = std::any_of(visit.gradients.begin(), visit.gradients.end(), [](auto& g) { return g.defined(); });
    std::vector<bool> needed(node->inputs.size());
    for (size_t i = 0; i < needed.size(); ++i) needed[i] = needed_input(place, i) != nullptr;
    TensorList gradients;
    const bool wanted = std::find(needed.begin(), needed.end(), true) != needed.end();
    if (any && wanted) gradients = differentiate(place, needed);
    visit.gradients.clear();  // before the sums, so that a gradient passed on as it is may be added to in place
    for (size_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      Visit& input = *needed_input(place, i);
      if (i < gradients.size() && gradients[i].defined()) {
        Tensor part = std::move(gradients[i]);
        if (part.shape() != node->inputs[i].shape) part = sum_to(part, node->inputs[i].shape);
        add(input.gradients[static_cast<size_t>(node->inputs[i].output)], std::move(part));
      }
      if (--input.consumers == 0) complete(input);
    }
    if (!options_.keep_graph && !options_.differentiable && !node->inputs.empty() && any) node->release();
  }

  TensorList differentiate(size_t place, const std::vector<bool>& needed) {
    const NodePointer& node = nodes_[place];
    Visit& visit = visits_[place];
    require(!node->released,
            "grad: the graph through {} was released by an earlier grad; ask for keep_graph there, or compute the "
            "forward pass again",
            node->op);
    const bool by_reference = options_.differentiable && node->reference;
    check_versions(node->op, by_reference ? node->kept_inputs : node->saved,
                   by_reference ? node->kept_versions : node->saved_versions);
    TensorList outputs;
    for (size_t i = 0; i < visit.gradients.size(); ++i) {
      const Node::Output& output = node->outputs[i];
      if (!visit.gradients[i].defined()) visit.gradients[i] = zeros(output.shape, output.dtype);
      outputs.push_back(output_tensor(node, static_cast<int>(i)));
    }
    if (by_reference) return differentiate_reference(*node, visit, needed);

    std::vector<Tensor*> sums(node->inputs.size(), nullptr);
    for (size_t i = 0; i < sums.size(); ++i) {
      if (!needed[i] || options_.differentiable) continue;
      Tensor& sum = needed_input(place, i)->gradients[static_cast<size_t>(node->inputs[i].output)];
      if (sum.defined() && sum.unshared() && sum.shape() == node->inputs[i].shape) sums[i] = &sum;
    }
    const RecordingIs mode(options_.differentiable);
    return node->vjp(Backward{node->saved, outputs, visit.gradients, needed, sums});
  }

  static void check_versions(const char* op, const TensorList& tensors, const std::vector<uint64_t>& versions) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      require(tensors[i].body().buffer->version == versions[i],
              "grad: {} saved {} {}, which has been overwritten since; compute the forward pass again", op,
              tensors[i].name().empty() ? "a tensor" : tensors[i].name(), tensors[i]);
    }
  }

  // Differentiates what the op means instead of how it is computed. Fresh aliases of the inputs, one for each argument,
  // count an input that stands twice, or that depends on another, once for each place.
  TensorList differentiate_reference(const Node& node, const Visit& visit, const std::vector<bool>& needed) {
    require(!node.kept_inputs.empty(),
            "grad: a differentiable gradient through {} needs its inputs; open a HigherOrder guard before the forward "
            "pass",
            node.op);
    const RecordingIs on(true);
    TensorList aliases, targets;
    for (size_t i = 0; i < needed.size(); ++i) {
      aliases.push_back(node.kept_inputs[i].requires_grad() ? alias(node.kept_inputs[i]) : node.kept_inputs[i]);
      if (needed[i]) targets.push_back(aliases[i]);
    }
    TensorList gradients = grad(node.reference(aliases), targets, {.seeds = visit.gradients, .differentiable = true});
    TensorList result(needed.size());
    for (size_t i = 0, next = 0; i < needed.size(); ++i) {
      if (needed[i]) result[i] = std::move(gradients[next++]);
    }
    return result;
  }

  const GradOptions& options_;
  TensorList results_;
  std::vector<bool> delivered_;
  std::vector<NodePointer> nodes_;  // newest first
  std::vector<Visit> visits_;       // beside nodes_
  std::unordered_map<const Node*, size_t> index_;
};

}  // namespace

TensorList grad_until(const TensorList& ys, const TensorList& targets, const TensorList& until,
                      const GradOptions& options) {
  const RecordingIs mode(options.differentiable);
  return Walk(ys, targets, until, options).run(targets);
}

TensorList grad(const TensorList& ys, const TensorList& targets, const GradOptions& options) {
  return grad_until(ys, targets, {}, options);
}

TensorList grad(const Tensor& y, const TensorList& targets, const GradOptions& options) {
  return grad(TensorList{y}, targets, options);
}

}  // namespace transformlet
