// Linear regression with a teacher: y = W x + noise. Learned by a linear network with one narrow hidden layer it is
// reduced-rank regression, whose learning coefficient is known (Aoyagi and Watanabe 2005, Stochastic Complexities of
// Reduced Rank Regression in Bayesian Estimation).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/registry.h"
#include "train/task.h"

namespace transformlet {
namespace {

// x is normal with variance 1, and so is what the noise multiplies. W = A B / sqrt(rank * inputs) with A (outputs,
// rank) and B (rank, inputs) of normal numbers with variance 1: each output of W x has variance 1. Of rank 0, W is 0.
struct LinearRegression : Task {
  static constexpr const char* name = "linear_regression";
  static constexpr const char* help = "a linear function of normal vectors, with noise";

  int64_t inputs = 5, outputs = 5;
  std::optional<int64_t> rank;
  double noise = 1.0;
  int64_t train_size = 1000, val_size = 1000, test_size = 1000;

  void describe(Fields& field) override {
    field("inputs", inputs, "numbers in x", between(1, 100000));
    field("outputs", outputs, "numbers in y", between(1, 100000));
    field("rank", rank, "of the teacher's matrix; 0: y is noise alone; null: as high as it can be", between(0, 100000));
    field.check([&] { return rank_of_teacher() <= std::min(inputs, outputs); }, {"rank", "inputs", "outputs"},
                "must be at most inputs and at most outputs");
    field("noise", noise, "the standard deviation of what is added to each output", between(0, 1000000));
    field("train_size", train_size, "training examples", between(1, 100000000));
    field("val_size", val_size, "validation examples", between(0, 100000000));
    field("test_size", test_size, "test examples", between(0, 100000000));
  }

  void prepare(uint64_t seed) override {
    const int64_t inner = rank_of_teacher();
    key_ = RandomKey(seed) / "data";
    RandomStream stream(key_ / "teacher");
    const auto normals = [&](int64_t count) {
      std::vector<double> result(static_cast<size_t>(count));
      std::generate(result.begin(), result.end(), [&] { return stream.normal(); });
      return result;
    };
    const Tensor a = tensor(normals(outputs * inner), {outputs, inner}, DType::float64),
                 b = tensor(normals(inner * inputs), {inner, inputs}, DType::float64);
    teacher_ = inner == 0 ? zeros({outputs, inputs}, DType::float64)
                          : affine(matmul(a, b), 1 / std::sqrt(static_cast<double>(inner * inputs)), 0);
  }

  ModelSizes sizes() const override {
    return {.classes = outputs, .max_length = 1, .whole_sequences = true, .features = inputs};
  }
  double data_bytes() const override { return 8.0 * static_cast<double>(inputs) * static_cast<double>(outputs); }
  int64_t size(Split split) const override {
    return split == Split::train ? train_size : split == Split::validation ? val_size : test_size;
  }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    std::vector<double> x, y;
    for (const int64_t example : examples) {
      RandomStream stream(key_ / name_of(split) / example);
      const auto first = x.size();
      for (int64_t i = 0; i < inputs; ++i) x.push_back(stream.normal());
      for (int64_t i = 0; i < outputs; ++i) y.push_back(taught(x.data() + first, i) + noise * stream.normal());
    }
    const auto count = static_cast<int64_t>(examples.size());
    return {.values = tensor(x, {count, inputs}, DType::float64),
            .real_targets = tensor(y, {count, outputs}, DType::float64)};
  }

  // The squares of the noise: what is left to one who knows W.
  std::optional<double> best_loss(const Batch& batch) const override {
    const auto* const x = batch.values.data<double>();
    const auto* const y = batch.real_targets.data<double>();
    double result = 0;
    for (int64_t i = 0; i < batch.real_targets.size(); ++i) {
      const double error = y[i] - taught(x + i / outputs * inputs, i % outputs);
      result += error * error;
    }
    return result;
  }

 private:
  int64_t rank_of_teacher() const { return rank.value_or(std::min(inputs, outputs)); }

  // Of W x one number. By hand: a profile of training is not to count it among the model's products.
  double taught(const double* x, int64_t output) const {
    const double* const row = teacher_.data<double>() + output * inputs;
    return std::inner_product(x, x + inputs, row, 0.0);
  }

  RandomKey key_{0};
  Tensor teacher_;  // (outputs, inputs)
};

const Registered<Task, LinearRegression> registered;

}  // namespace
}  // namespace transformlet
