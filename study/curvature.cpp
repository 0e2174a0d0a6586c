// How curved the loss is: the largest eigenvalues and the trace of its Hessian H, the second derivatives of the next
// step's loss by the weights.
//
//   eigenvalue_0 ...    the largest (not by size), by Lanczos's method on exact products H v; sharpness is the first
//   residual_0 ...      an eigenvalue lies within so much of each of them
//   iterations          the products that they took
//   edge                sharpness over the largest at which gradient descent at the next step's learning rate r is
//                       stable: 2 / r, with momentum more. Full-batch training raises it to 1 and then hovers there
//                       (Cohen et al. 2021, "Gradient Descent on Neural Networks Typically Occurs at the Edge of
//                       Stability"). Not of optimisers for which it is not known.
//   trace, trace_error  its mean over random vectors (Hutchinson 1990), and the mean's standard error
//   preconditioned_...  sharpness, residual, iterations and edge of P^-1/2 H P^-1/2, where the newest step of Adam or
//                       AdamW was x <- x - r P^-1 m; there is none before the first step. P is (1 - b1^t)
//                       (sqrt(v / (1 - b2^t)) + epsilon), and the edge 38 / r for b1 = 0.9 (Cohen et al. 2022,
//                       "Adaptive Gradient Methods at the Edge of Stability", section 3).
//
// Of all parameters, or of some, or of one attention head: then H is a block on the diagonal of the whole Hessian, and
// no edge is told. Cost: for each product four passes of the model, of a batch in one part about two; Lanczos keeps a
// vector in double precision for each iteration.
#include <algorithm>
#include <cmath>

#include "study/head_entries.h"
#include "study/hessian.h"
#include "study/lanczos.h"
#include "study/probe.h"

namespace transformlet {
namespace {

bool is_in(const std::string& parameter, const std::string& path) {
  return parameter == path || parameter.starts_with(path + ".");
}

// Places in the list of parameters.
std::vector<size_t> chosen_parameters(const Parameters& parameters, const std::vector<std::string>& paths) {
  std::vector<size_t> places;
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters.list()) {
    const std::string& name = parameter.value.name();
    const bool is_chosen = std::ranges::any_of(paths, [&](const std::string& path) { return is_in(name, path); });
    if (paths.empty() || is_chosen) places.push_back(names.size());
    names.push_back(name);
  }
  for (const std::string& path : paths) {
    require(std::ranges::any_of(names, [&](const std::string& name) { return is_in(name, path); }),
            "probes.curvature.parameters: no parameter is {} or below it{}; the first of the model is {}", path,
            did_you_mean(path, names), names.empty() ? "none" : names.front());
  }
  return places;
}

// Of the block of H that these entries are, its product with a vector.
std::vector<double> block_times(const Hessian& hessian, const std::vector<int64_t>& entries,
                                const std::vector<double>& v) {
  std::vector<double> whole(static_cast<size_t>(hessian.size()), 0.0), result;
  for (size_t i = 0; i < entries.size(); ++i) whole[static_cast<size_t>(entries[i])] = v[i];
  const std::vector<double> product = hessian.times(whole);
  for (const int64_t entry : entries) result.push_back(product[static_cast<size_t>(entry)]);
  return result;
}

struct Curvature : Probe {
  static constexpr const char* name = "curvature";
  static constexpr const char* help =
      "of the loss: the Hessian's largest eigenvalues and its trace, also as Adam sees it";

  int64_t eigenvalues = 1, iterations = 64, trace_samples = 0;
  std::vector<std::string> parameters;
  std::optional<int64_t> head;
  bool preconditioned = false;

  void describe_keys(Fields& field) override {
    field("eigenvalues", eigenvalues, "how many, the largest first; 0: none", at_least(0));
    field("iterations", iterations, "products with the Hessian to find them in, at most", at_least(1));
    field("trace_samples", trace_samples, "random vectors to estimate the trace from; 0: no trace", at_least(0));
    field("parameters", parameters, "names or beginnings of names (encoder.blocks.0); none: all parameters");
    field("head", head, "of the one attention layer that `parameters` names, this head alone, from 0 on", at_least(0));
    field("preconditioned", preconditioned, "measure the sharpness that Adam's or AdamW's preconditioner leaves, too");
    field.check([&] { return eigenvalues <= iterations; }, {"eigenvalues", "iterations"},
                "more eigenvalues than iterations");
    field.check([&] { return !head || (parameters.size() == 1 && !preconditioned); },
                {"head", "parameters", "preconditioned"},
                "needs one attention layer in `parameters`, and preconditioned: false");
    field.check([&] { return trace_samples != 1; }, {"trace_samples"}, "must be 0 or at least 2, to tell an error");
  }

  std::string misfit(const Model& model, const ModelSizes& /*sizes*/) const override {
    try {
      if (head) heads_beside(model, parameters.front(), *head);
      return {};
    } catch (const Error& error) {
      return fmt::format("can't be that of a head: {}", error.what());
    }
  }

  Measurements measure(const ProbeView& view) const override {
    const std::vector<size_t> places = chosen_parameters(view.parameters, parameters);
    TensorList chosen;
    for (const size_t place : places) chosen.push_back(view.parameters.list()[place].value);
    const Hessian hessian(view.loss_parts, chosen);
    const std::vector<int64_t> entries =
        head ? head_entries(view.model, view.parameters, parameters.front(), *head) : std::vector<int64_t>();
    const int64_t size = head ? static_cast<int64_t>(entries.size()) : hessian.size();
    const auto times = [&](const std::vector<double>& v) {
      return head ? block_times(hessian, entries, v) : hessian.times(v);
    };
    const std::optional<double> limit = largest_stable_curvature(view);
    const bool has_preconditioner = view.optimizer != nullptr && view.optimizer->has_preconditioner();

    Measurements result;
    if (eigenvalues > 0) {
      const Eigenvalues found = largest_eigenvalues(times, size, options(eigenvalues), view.key / "start");
      for (size_t i = 0; i < found.values.size(); ++i) {
        result.emplace_back("eigenvalue_" + std::to_string(i), found.values[i]);
        result.emplace_back("residual_" + std::to_string(i), found.residuals[i]);
      }
      result.emplace_back("sharpness", found.values.front());
      result.emplace_back("iterations", static_cast<double>(found.iterations));
      if (limit && !has_preconditioner) result.emplace_back("edge", found.values.front() / *limit);
    }
    if (trace_samples > 0) {
      const Trace trace = estimated_trace(times, size, trace_samples, view.key / "trace");
      result.emplace_back("trace", trace.value);
      result.emplace_back("trace_error", trace.standard_error);
    }
    if (preconditioned) add_preconditioned(view, hessian, places, limit, result);
    return result;
  }

 private:
  LanczosOptions options(int64_t count) const { return {.count = count, .iterations = iterations}; }

  // Only all parameters together have one: a block's sharpness is below the whole Hessian's.
  std::optional<double> largest_stable_curvature(const ProbeView& view) const {
    if (!parameters.empty() || view.optimizer == nullptr || !view.learning_rate || *view.learning_rate == 0) return {};
    return view.optimizer->largest_stable_curvature(*view.learning_rate);
  }

  void add_preconditioned(const ProbeView& view, const Hessian& hessian, const std::vector<size_t>& places,
                          const std::optional<double>& limit, Measurements& result) const {
    require(view.optimizer != nullptr, "probes.curvature.preconditioned: there is no optimiser here; leave it out");
    require(view.optimizer->has_preconditioner(),
            "probes.curvature.preconditioned: this optimiser has no preconditioner; leave it out (adam and adamw have "
            "one)");
    if (view.optimizer->step_count() == 0) return;
    const TensorList all = view.optimizer->preconditioner();
    TensorList own;
    for (const size_t place : places) own.push_back(all[place]);
    std::vector<double> inverse_root = flattened(own);
    for (double& value : inverse_root) value = 1 / std::sqrt(value);
    const auto scaled = [&](std::vector<double> v) {
      for (size_t i = 0; i < v.size(); ++i) v[i] *= inverse_root[i];
      return v;
    };
    const auto times = [&](const std::vector<double>& v) { return scaled(hessian.times(scaled(v))); };
    const Eigenvalues found = largest_eigenvalues(times, hessian.size(), options(1), view.key / "preconditioned start");
    result.emplace_back("preconditioned_sharpness", found.values.front());
    result.emplace_back("preconditioned_residual", found.residuals.front());
    result.emplace_back("preconditioned_iterations", static_cast<double>(found.iterations));
    if (limit) result.emplace_back("preconditioned_edge", found.values.front() / *limit);
  }
};

const Registered<Probe, Curvature> registered;

}  // namespace
}  // namespace transformlet
