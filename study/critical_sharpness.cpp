// How curved the loss is along the next step, from forward passes alone (Kalra et al. 2026, "A Scalable Measure of Loss
// Landscape Curvature for Analyzing the Training Dynamics of LLMs"): with the next step x <- x - r d,
//
//   critical_rate   the least r > 0 at which the loss of that step's batch is above what it is at r = 0
//   sharpness       2 / critical_rate. On a quadratic with gradient g and Hessian H it is d' H d / g' d, which is the
//                   curvature along the gradient, g' H g / g' g, for gradient descent; of Adam, that of a
//                   preconditioned Hessian. At a rate above 2 / sharpness a step raises the loss.
//   rate_ratio      the next step's learning rate over critical_rate; above 1 that step raises the loss
//
// d is all that the optimiser makes of the gradient, momentum, clipping and weight decay included. The rate is searched
// from the next step's own by doubling or halving and then by bisection, to 1 %: a loss that falls again behind a rise
// narrower than a factor of two may be taken for one that has not risen yet. Nothing is measured where the step
// points uphill, as momentum may, or where the rate is not within a factor of 1e12. Cost: a step, a gradient, and a
// forward pass for each of about ten rates; two more copies of the weights.
#include <cmath>
#include <numeric>

#include "autograd/graph.h"
#include "study/hessian.h"
#include "study/kept_weights.h"
#include "study/probe.h"

namespace transformlet {
namespace {

constexpr double widest_search = 1e12;

// The loss along a direction from the weights as they are.
class Line {
 public:
  Line(const ProbeView& view, const TensorList& direction)
      : view_(view), direction_(direction), kept_(view.parameters) {}

  double loss_at(double rate) {
    kept_.set([&]<class T>(T own, size_t i, int64_t k) {
      return rate == 0 ? own : own + static_cast<T>(rate) * direction_[i].data<T>()[k];
    });
    const NoRecording off;
    double loss = 0;
    for (const auto& part : view_.loss_parts) loss += part().item();
    return loss;
  }

 private:
  const ProbeView& view_;
  const TensorList& direction_;
  KeptWeights kept_;
};

// The least rate at which the loss has risen, or nothing. NaN is a rise.
std::optional<double> critical_rate(Line& line, double guess) {
  const double before = line.loss_at(0);
  const auto has_risen = [&](double rate) { return !(line.loss_at(rate) <= before); };
  double low = guess, high = guess;
  if (has_risen(guess)) {
    do {
      high = low;
      low /= 2;
      if (low < guess / widest_search) return std::nullopt;
    } while (has_risen(low));
  } else {
    do {
      low = high;
      high *= 2;
      if (high > guess * widest_search) return std::nullopt;
    } while (!has_risen(high));
  }
  while (high > 1.01 * low) {
    const double middle = std::sqrt(low * high);
    (has_risen(middle) ? high : low) = middle;
  }
  return std::sqrt(low * high);
}

double slope(const TensorList& gradients, const TensorList& update) {
  const std::vector<double> g = flattened(gradients), d = flattened(update);
  return std::inner_product(g.begin(), g.end(), d.begin(), 0.0);
}

struct CriticalSharpness : Probe {
  static constexpr const char* name = "critical_sharpness";
  static constexpr const char* help = "curvature along the next step, by the learning rate at which it raises the loss";

  Measurements measure(const ProbeView& view) const override {
    require(view.next_update && view.learning_rate, "probes.critical_sharpness: there is no next step to look along");
    const TensorList update = view.next_update();
    if (slope(view.gradients(), update) >= 0) return {};
    Line line(view, update);
    const double guess = *view.learning_rate > 0 ? *view.learning_rate : 1e-3;
    const std::optional<double> critical = critical_rate(line, guess);
    if (!critical) return {};
    return {
        {"critical_rate", *critical}, {"sharpness", 2 / *critical}, {"rate_ratio", *view.learning_rate / *critical}};
  }
};

const Registered<Probe, CriticalSharpness> registered;

}  // namespace
}  // namespace transformlet
