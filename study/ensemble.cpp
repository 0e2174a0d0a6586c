#include "study/ensemble.h"

#include <cmath>

namespace transformlet {
namespace {

// log(exp(a) + exp(b)), where neither need be representable as a probability.
Tensor log_of_sum(const Tensor& a, const Tensor& b) {
  const Tensor larger = maximum(a, b);
  return larger + log(exp(a - larger) + exp(b - larger));
}

// The logarithm of the mean of the probabilities of `count` logits.
template <class Logits>
Tensor log_mean(int64_t count, const Logits& logits) {
  Tensor sum = log_softmax(logits(0));
  for (int64_t i = 1; i < count; ++i) sum = log_of_sum(sum, log_softmax(logits(i)));
  return sum - std::log(static_cast<double>(count));
}

}  // namespace

Tensor Ensemble::operator()(const ModelInputs& inputs, const Pass& pass) const {
  return log_mean(static_cast<int64_t>(members_.size()),
                  [&](int64_t i) { return (*members_[static_cast<size_t>(i)])(inputs, pass); });
}

Tensor DropoutSamples::operator()(const ModelInputs& inputs, const Pass& pass) const {
  require(pass.listener() == nullptr, "dropout samples: a tap would see each activation {} times; tap the model itself",
          samples_);
  return log_mean(samples_, [&](int64_t i) { return model_(inputs, Pass::training(key_.value(), i)); });
}

}  // namespace transformlet
