// The size of each parameter, of its gradient, and of what a step changes: where learning happens, and whether the
// learning rate suits. A healthy ratio of update to weight is about 1e-3 (Karpathy 2022, "makemore" part 3).
//
// For each parameter: `weight`, its root mean square; `gradient`, that of its gradient on the next step's batch, before
// clipping; `update_ratio`, the norm of what the newest step has changed, divided by the norm from before it (not after
// step 0, nor of what was zero before). Cost: a forward and a backward pass.
#include <cmath>

#include "optim/clip.h"
#include "study/probe.h"

namespace transformlet {
namespace {

double norm(const Tensor& x) { return global_norm({x}); }

double root_mean_square(const Tensor& x) { return norm(x) / std::sqrt(static_cast<double>(x.size())); }

struct Norms : Probe {
  static constexpr const char* name = "norms";
  static constexpr const char* help = "of each parameter: weight, gradient, and update by weight";

  bool wants_updates() const override { return true; }

  Measurements measure(const ProbeView& view) const override {
    const TensorList gradients = view.gradients();
    Measurements result;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const Tensor& weight = view.parameters.list()[i].value;
      const std::string prefix = weight.name() + "/";
      result.emplace_back(prefix + "weight", root_mean_square(weight));
      result.emplace_back(prefix + "gradient", root_mean_square(gradients[i]));
      if (view.updates.empty()) continue;
      const NoRecording off;
      const double before = norm(weight - view.updates[i]);
      if (before > 0) result.emplace_back(prefix + "update_ratio", norm(view.updates[i]) / before);
    }
    return result;
  }
};

const Registered<Probe, Norms> registered;

}  // namespace
}  // namespace transformlet
