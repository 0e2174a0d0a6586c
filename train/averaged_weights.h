// A running average of the weights, which is less noisy than the weights themselves and mostly evaluates better
// (Polyak and Juditsky 1992). After step t, which counts from 1:
//   a <- b a + (1 - b) x,    b = min(decay, (1 + t) / (10 + t)),    and a = x before the first step.
// While b rises, as in TensorFlow's ExponentialMovingAverage with num_updates, the average spans about the last tenth
// of the steps so far instead of clinging to the initial weights; at decay 0.999 that takes some 9,000 steps.
#pragma once

#include <vector>

#include "layers/scope.h"
#include "train/safetensors.h"

namespace transformlet {

class AveragedWeights {
 public:
  // Begins with the present values.
  AveragedWeights(const Parameters& parameters, double decay);

  // To be called after a step of the optimiser; `step` is the number of steps done. Each element by itself: the same
  // bits on any number of threads.
  void update(int64_t step);

  // By the parameters' names. The tensors are live.
  const std::vector<NamedTensor>& tensors() const { return averages_; }
  // An Error lists what is missing, unknown or of another shape; then nothing is changed.
  void restore(const std::vector<NamedTensor>& saved);

  // While one lives, the parameters hold the averages, and the averages the parameters' values. Null: nothing happens.
  class InPlace {
   public:
    explicit InPlace(AveragedWeights* averages) : averages_(averages) { swap(); }
    ~InPlace() { swap(); }
    InPlace(const InPlace&) = delete;
    InPlace& operator=(const InPlace&) = delete;

   private:
    void swap();

    AveragedWeights* averages_;
  };

 private:
  TensorList parameters_;
  std::vector<NamedTensor> averages_;
  double decay_;
};

}  // namespace transformlet
