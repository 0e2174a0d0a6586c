// Weights that may be anything for a while, and are the same bits as before when it ends, however it ends.
#pragma once

#include "layers/scope.h"

namespace transformlet {

class KeptWeights {
 public:
  explicit KeptWeights(const Parameters& parameters) : parameters_(parameters.tensors()) {
    for (const Tensor& parameter : parameters_) values_.push_back(copy(parameter));
  }
  ~KeptWeights() {
    set([](auto own, size_t, int64_t) { return own; });
  }
  KeptWeights(const KeptWeights&) = delete;
  KeptWeights& operator=(const KeptWeights&) = delete;

  // What the weights were, in the order of the parameters.
  const TensorList& values() const { return values_; }

  // Every number of the weights: value(what it was at first, its parameter, its place there).
  template <class Function>
  void set(const Function& value) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      with_dtype(parameters_[i].dtype(), [&]<class T>() {
        const T* const own = values_[i].data<T>();
        T* const numbers = overwrite<T>(parameters_[i]);
        for (int64_t k = 0; k < parameters_[i].size(); ++k) numbers[k] = static_cast<T>(value(own[k], i, k));
      });
    }
  }

 private:
  TensorList parameters_, values_;
};

}  // namespace transformlet
