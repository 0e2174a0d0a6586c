// How degenerate the weights w* are that training has come to: the local learning coefficient (Lau et al. 2023, "The
// Local Learning Coefficient: A Singularity-Aware Complexity Measure", equation 15 and algorithm 1). Where all of d
// weights matter it is d / 2; the more ways there are to change weights and not the loss, the less it is. With n the
// number of training examples, L_n their mean loss, b the inverse temperature,
//
//   lambda = n b (E[L_n(w)] - L_n(w*)),   w ~ exp(-n b L_n(w) - localisation / 2 |w - w*|^2)
//
// drawn by stochastic gradient Langevin dynamics (Welling and Teh 2011), from w* on in each chain:
//
//   w <- w - step_size / 2 (n b grad L(w) + localisation (w - w*)) + sqrt(step_size) normal
//
//   mean            over the chains, of each of which the first burn_in draws do not count
//   standard_error  of that mean: the deviation between chains by the root of their number; only of two chains or more
//   diverged        how many chains met a loss that is not finite: they count for nothing, and if all did there is no
//                   mean. A smaller step_size helps.
//
// L is the loss of training, weight decay not included: that on the batch of the next step, then of the step after it,
// and so on, and L_n(w*) is the mean over the same batches. If a batch holds all examples, L is L_n. The theory is of
// losses that are negative log-likelihoods, at a minimum; dropout, where a model has it, is in them.
//
// Cost: chains * (burn_in + draws) forward and backward passes over a batch, and one forward pass, or, if a batch holds
// some examples only, as many as there are draws; three copies of the weights.
#include <cmath>

#include "autograd/graph.h"
#include "study/kept_weights.h"
#include "study/probe.h"

namespace transformlet {
namespace {

using LossParts = std::vector<std::function<Tensor()>>;

double loss_of(const LossParts& parts) {
  const NoRecording off;
  double loss = 0;
  for (const auto& part : parts) loss += part().item();
  return loss;
}

double loss_of(const LossParts& parts, const TensorList& weights, TensorList& gradients) {
  double loss = 0;
  gradients.clear();
  for (const auto& part : parts) {
    const Tensor share = part();
    loss += share.item();
    const TensorList more = grad(share, weights);
    const NoRecording off;
    for (size_t i = 0; i < more.size(); ++i) {
      i < gradients.size() ? void(gradients[i] = gradients[i] + more[i]) : gradients.push_back(more[i]);
    }
  }
  return loss;
}

// One step of the walk that began at `start`.
void walk(TensorList& weights, const TensorList& start, const TensorList& gradients, double gradient_scale,
          double localisation, double size, RandomStream& stream) {
  for (size_t i = 0; i < weights.size(); ++i) {
    with_dtype(weights[i].dtype(), [&]<class T>() {
      const T *const begun = start[i].data<T>(), *const gradient = gradients[i].data<T>();
      T* const weight = overwrite<T>(weights[i]);
      for (int64_t j = 0; j < weights[i].size(); ++j) {
        const double drift = gradient_scale * static_cast<double>(gradient[j]) +
                             localisation * (static_cast<double>(weight[j]) - static_cast<double>(begun[j]));
        weight[j] += static_cast<T>(std::sqrt(size) * stream.normal() - size / 2 * drift);
      }
    });
  }
}

struct LocalLearningCoefficient : Probe {
  static constexpr const char* name = "local_learning_coefficient";
  static constexpr const char* help = "how degenerate the weights are: the loss around them by Langevin dynamics";

  int64_t chains = 4, draws = 1000, burn_in = 500;
  double step_size = 1e-4, localisation = 100;
  std::optional<double> inverse_temperature;

  void describe_keys(Fields& field) override {
    field("chains", chains, "walks, each from the weights as they are", between(1, 10000));
    field("draws", draws, "steps of a chain at which the loss is taken", between(1, 100000000));
    field("burn_in", burn_in, "steps of a chain before those", between(0, 100000000));
    field("step_size", step_size, "of the walk", greater_than(0));
    field("localisation", localisation, "how strongly the walk is drawn back to where it began", at_least(0));
    field("inverse_temperature", inverse_temperature, "null: 1 / log of the number of training examples",
          greater_than(0));
  }

  Measurements measure(const ProbeView& view) const override {
    const auto n = static_cast<double>(view.training_size);
    require(n >= 2 || inverse_temperature,
            "probes.local_learning_coefficient: one training example has no temperature; give inverse_temperature");
    const double scale = n * inverse_temperature.value_or(1 / std::log(n));
    const bool is_whole = view.batch_size == view.training_size;
    // Of the draw of this number, burn_in included. Of the whole set the order does not matter, so it stays the same.
    const auto parts_of = [&](int64_t draw) {
      return is_whole ? view.loss_parts : view.loss_parts_at(view.step + draw);
    };
    std::vector<double> base;  // the loss at w* on the batches that count; one if they are all the same
    for (int64_t draw = burn_in; draw < burn_in + (is_whole ? 1 : draws); ++draw) {
      base.push_back(loss_of(parts_of(draw)));
    }

    std::vector<double> estimates;
    TensorList weights = view.parameters.tensors();
    for (int64_t chain = 0; chain < chains; ++chain) {
      const KeptWeights start(view.parameters);
      RandomStream stream(view.key / "chain" / chain);
      double sum = 0;
      TensorList gradients;
      for (int64_t draw = 0; draw < burn_in + draws && std::isfinite(sum); ++draw) {
        const double loss = loss_of(parts_of(draw), weights, gradients);
        if (draw >= burn_in || !std::isfinite(loss)) {
          sum += loss - base[is_whole ? 0 : static_cast<size_t>(std::max(draw - burn_in, int64_t{0}))];
        }
        walk(weights, start.values(), gradients, scale, localisation, step_size, stream);
      }
      if (std::isfinite(sum)) estimates.push_back(scale * sum / static_cast<double>(draws));
    }
    return summary(estimates);
  }

  Measurements summary(const std::vector<double>& estimates) const {
    Measurements result;
    const auto count = static_cast<double>(estimates.size());
    double mean = 0, squares = 0;
    for (const double estimate : estimates) mean += estimate / count;
    for (const double estimate : estimates) squares += (estimate - mean) * (estimate - mean);
    if (count > 0) result.emplace_back("mean", mean);
    if (count > 1) result.emplace_back("standard_error", std::sqrt(squares / (count - 1) / count));
    result.emplace_back("diverged", static_cast<double>(chains) - count);
    return result;
  }
};

const Registered<Probe, LocalLearningCoefficient> registered;

}  // namespace
}  // namespace transformlet
