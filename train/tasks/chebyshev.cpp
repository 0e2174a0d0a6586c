// Fitting a Chebyshev polynomial at evenly spaced points: a small task of regression on which full-batch gradient
// descent comes to the edge of stability (Cohen et al. 2021, Gradient Descent on Neural Networks Typically Occurs at
// the Edge of Stability, appendix).
#include <utility>

#include "base/registry.h"
#include "train/task.h"

namespace transformlet {
namespace {

// x_i = -1 + 2 i / (points - 1) -> T_degree(x_i), where T_k(cos a) = cos(k a). All of it is for training.
struct Chebyshev : Task {
  static constexpr const char* name = "chebyshev";
  static constexpr const char* help = "the values of a Chebyshev polynomial at evenly spaced points in [-1, 1]";

  int64_t degree = 4, points = 20;

  void describe(Fields& field) override {
    field("degree", degree, "of the polynomial", between(0, 1000));
    field("points", points, "at which it is to be fitted, both ends included: all examples, for training",
          between(2, 1000000));
  }

  void prepare(uint64_t /*seed*/) override {}
  ModelSizes sizes() const override { return {.classes = 1, .max_length = 1, .whole_sequences = true, .features = 1}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split split) const override { return split == Split::train ? points : 0; }

  Batch batch(Split /*split*/, const std::vector<int64_t>& examples) const override {
    std::vector<double> inputs, targets;
    for (const int64_t example : examples) {
      const double x = -1 + 2 * static_cast<double>(example) / static_cast<double>(points - 1);
      inputs.push_back(x);
      targets.push_back(polynomial(x));
    }
    const Shape shape{static_cast<int64_t>(examples.size()), 1};
    return {.values = tensor(inputs, shape, DType::float64), .real_targets = tensor(targets, shape, DType::float64)};
  }

  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 private:
  // T_{k+1}(x) = 2 x T_k(x) - T_{k-1}(x)
  double polynomial(double x) const {
    double before = x, now = 1;  // T_{-1} = T_1
    for (int64_t k = 0; k < degree; ++k) before = std::exchange(now, 2 * x * now - before);
    return now;
  }
};

const Registered<Task, Chebyshev> registered;

}  // namespace
}  // namespace transformlet
