// The learning-rate range test (Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3), with an
// exponentially growing rate: steps from a rate at which nothing happens to one at which the loss explodes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace transformlet {

class LearningRateRange {
 public:
  // From the first rate to the last, by the same factor each step. steps >= 2.
  LearningRateRange(double from, double to, int64_t steps) : from_(from), to_(to), steps_(steps) {}

  struct Point {
    double rate, loss;
    double smoothed;  // the mean of the losses so far, each weighted 0.9 times as much as the next
  };

  // The rate of the next step.
  double next_rate() const;
  // The loss that the next step began with.
  void add(double loss);

  // All steps are done, or the loss has exploded: it is not finite, or the smoothed one is four times the lowest.
  bool is_over() const { return exploded_ || static_cast<int64_t>(points_.size()) == steps_; }
  bool exploded() const { return exploded_; }
  const std::vector<Point>& points() const { return points_; }

  // Where the smoothed loss falls fastest over the logarithm of the rate, measured over five points to either side. Not
  // a share of the rate at the lowest loss: networks that have broken down may hover at the loss of a mere guess, below
  // that of their initial weights, long before it explodes. None if the loss has not fallen by a hundredth, or falls
  // fastest where the test ends.
  std::optional<double> suggestion() const;

 private:
  double from_, to_;
  int64_t steps_;
  std::vector<Point> points_;
  double weighted_ = 0, weights_ = 0;
  bool exploded_ = false;
};

}  // namespace transformlet
