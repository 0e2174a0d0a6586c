// Whether a model is as often right as it says: with the probability that it gives its likeliest class as confidence,
// predictions are sorted into 15 bins of equal width, of which bin m holds those in ((m - 1) / 15, m / 15]. The
// expected calibration error is the sum over bins of their share of the predictions times |accuracy - mean confidence|;
// the bins' accuracies over their confidences are the reliability curve (Guo et al. 2017, "On Calibration of Modern
// Neural Networks", section 2). Cost: an exponential for each logit.
#pragma once

#include <array>
#include <cstdint>

#include "autograd/tensor.h"
#include "autograd/tokens.h"

namespace transformlet {

struct Calibration {
  struct Bin {
    int64_t count = 0, correct = 0;
    double confidence_sum = 0;

    double accuracy() const { return static_cast<double>(correct) / static_cast<double>(count); }
    double confidence() const { return confidence_sum / static_cast<double>(count); }
  };
  std::array<Bin, 15> bins;

  // logits (..., classes), targets (...): those that cross_entropy() ignores do not count.
  void add(const Tensor& logits, const Tokens& targets);
  Bin total() const;
  double expected_error() const;
};

}  // namespace transformlet
