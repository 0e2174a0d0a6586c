// How large a batch pays: the simple noise scale (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training",
// section 2.2 and appendix A.1) tr(S) / |G|^2, where G is the gradient on all data and S the covariance of the
// gradients on single samples. Batches far below it learn nearly as much per step as twice as many steps on half of
// them would; far above it, more samples in a batch change little.
//
//   gradient    an estimate of |G|^2
//   covariance  an estimate of tr(S)
//   scale       covariance / gradient, in samples; only where the estimate of |G|^2 is above 0
//
// From the gradients g_i on n groups of b samples each, of the next step's batch: with their mean m,
// tr(S) = b sum |g_i - m|^2 / (n - 1) and |G|^2 = |m|^2 - tr(S) / (n b). These are without bias, as those of appendix
// A.1, which they equal with small batches of b and large ones of n b samples. Their ratio is not: to average over
// steps, average `gradient` and `covariance`, and divide then. A batch that is far smaller than the scale tells |G|^2
// badly. A sample's gradient is its share of the batch's, times the samples in the batch, so that where samples differ
// in how many targets they have, each target counts alike. What does not fill the last group is left out.
//
// Cost: a forward and a backward pass over the batch, in `groups` pieces; 0, the default, makes each sample a group.
// Each of n groups adds to a sum, and two sums of the gradient's size are kept.
#include <cmath>

#include "autograd/graph.h"
#include "study/hessian.h"
#include "study/probe.h"

namespace transformlet {
namespace {

struct NoiseScale : Probe {
  static constexpr const char* name = "noise_scale";
  static constexpr const char* help = "the gradient's noise by its size: how large a batch pays";

  int64_t groups = 0;

  void describe_keys(Fields& field) override {
    field("groups", groups, "into how many equal groups the batch is divided; 0: each sample is one", at_least(0));
    field.check([&] { return groups != 1; }, {"groups"}, "one group has no spread: give 0 or at least 2");
  }

  Measurements measure(const ProbeView& view) const override {
    const int64_t count = groups == 0 ? view.batch_size : groups;
    require(count >= 2 && count <= view.batch_size,
            "probes.noise_scale: a batch of {} can't be divided into {} groups; give 2 to {}", view.batch_size, count,
            view.batch_size);
    const int64_t each = view.batch_size / count;
    const double weight = static_cast<double>(view.batch_size) / static_cast<double>(each);
    const TensorList parameters = view.parameters.tensors();
    // The running mean, and the sum of squared distances from it (Welford 1962): no difference of large sums.
    std::vector<double> mean(static_cast<size_t>(view.parameters.count()));
    double squares = 0;
    for (int64_t group = 0; group < count; ++group) {
      const std::vector<double> gradient =
          flattened(grad(view.loss_share(group * each, (group + 1) * each), parameters));
      for (size_t i = 0; i < mean.size(); ++i) {
        const double value = weight * gradient[i], distance = value - mean[i];
        mean[i] += distance / static_cast<double>(group + 1);
        squares += distance * (value - mean[i]);
      }
    }
    double size = 0;
    for (const double value : mean) size += value * value;
    const double covariance = static_cast<double>(each) * squares / static_cast<double>(count - 1);
    const double gradient = size - covariance / static_cast<double>(count * each);
    Measurements result = {{"gradient", gradient}, {"covariance", covariance}};
    if (gradient > 0) result.emplace_back("scale", covariance / gradient);
    return result;
  }
};

const Registered<Probe, NoiseScale> registered;

}  // namespace
}  // namespace transformlet
