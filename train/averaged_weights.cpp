#include "train/averaged_weights.h"

#include <algorithm>

#include "autograd/kernels/optimizer.h"
#include "train/restore.h"

namespace transformlet {

AveragedWeights::AveragedWeights(const Parameters& parameters, double decay)
    : parameters_(parameters.tensors()), decay_(decay) {
  for (const Tensor& parameter : parameters_) averages_.push_back({parameter.name(), copy(parameter)});
}

void AveragedWeights::update(int64_t step) {
  const auto t = static_cast<double>(step);
  const double keeps = std::min(decay_, (1.0 + t) / (10.0 + t));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& x = parameters_[i];
    with_dtype(x.dtype(), [&]<class T>() {
      kernels::optimizer<T>().move_towards(x.size(), 1.0 - keeps, x.data<T>(), overwrite<T>(averages_[i].value));
    });
  }
}

void AveragedWeights::restore(const std::vector<NamedTensor>& saved) { transformlet::restore(saved, averages_); }

void AveragedWeights::InPlace::swap() {
  if (averages_ == nullptr) return;
  for (size_t i = 0; i < averages_->parameters_.size(); ++i) {
    Tensor &x = averages_->parameters_[i], &average = averages_->averages_[i].value;
    with_dtype(x.dtype(), [&]<class T>() {
      T* const values = overwrite<T>(x);
      std::swap_ranges(values, values + x.size(), overwrite<T>(average));
    });
  }
}

}  // namespace transformlet
