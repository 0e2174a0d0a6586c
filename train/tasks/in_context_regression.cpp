// Linear regression from examples in the context: x_1 y_1 x_2 y_2 ... x_k -> y_k, with another linear function in each
// sequence (Garg et al. 2022, What Can Transformers Learn In-Context? A Case Study of Simple Function Classes).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/registry.h"
#include "train/task.h"

namespace transformlet {
namespace {

// x v = b for a symmetric positive definite x (size, size), by Cholesky's x = L L'.
std::vector<double> solved(std::vector<double> x, std::vector<double> b) {
  const size_t size = b.size();
  const auto product = [&](size_t i, size_t j, size_t count) {
    return std::inner_product(&x[i * size], &x[i * size] + count, &x[j * size], 0.0);
  };
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < i; ++j) x[i * size + j] = (x[i * size + j] - product(i, j, j)) / x[j * size + j];
    x[i * size + i] = std::sqrt(x[i * size + i] - product(i, i, i));
  }
  for (size_t i = 0; i < size; ++i) {
    b[i] = (b[i] - std::inner_product(&x[i * size], &x[i * size] + i, b.data(), 0.0)) / x[i * size + i];
  }
  for (size_t i = size; i-- > 0;) {
    for (size_t j = i + 1; j < size; ++j) b[i] -= x[j * size + i] * b[j];
    b[i] /= x[i * size + i];
  }
  return b;
}

// Normal x and w with variance 1, y = w x + noise. A sequence has 2 points - 1 places of `features` numbers; y stands
// in the first of them, before zeros. Each training step draws sequences anew.
struct InContextRegression : Task {
  static constexpr const char* name = "in_context_regression";
  static constexpr const char* help = "x1 y1 x2 y2 ... of a linear function of the sequence's own: each y from the x";

  int64_t features = 5, points = 11;
  double noise = 0;
  int64_t train_size = 100000000, val_size = 1000, test_size = 1000;

  void describe(Fields& field) override {
    field("features", features, "numbers in x", between(1, 1000));
    field("points", points, "pairs of x and y in a sequence", between(1, 10000));
    field("noise", noise, "the standard deviation of what is added to y", between(0, 1000000));
    field("train_size", train_size, "training sequences, of which each step draws some", between(1, 100000000));
    field("val_size", val_size, "validation sequences", between(0, 100000000));
    field("test_size", test_size, "test sequences", between(0, 100000000));
  }

  void prepare(uint64_t seed) override { key_ = RandomKey(seed) / "data"; }
  ModelSizes sizes() const override { return {.classes = 1, .max_length = 2 * points - 1, .features = features}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split split) const override {
    return split == Split::train ? train_size : split == Split::validation ? val_size : test_size;
  }
  Sampling sampling() const override { return Sampling::steps; }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    std::vector<double> values, targets;
    for (const int64_t example : examples) {
      RandomStream stream(key_ / name_of(split) / example);
      const auto normals = [&] {
        std::vector<double> result(static_cast<size_t>(features));
        std::generate(result.begin(), result.end(), [&] { return stream.normal(); });
        return result;
      };
      const std::vector<double> w = normals();
      for (int64_t point = 0; point < points; ++point) {
        const std::vector<double> x = normals();
        const double y = std::inner_product(w.begin(), w.end(), x.begin(), 0.0) + noise * stream.normal();
        values.insert(values.end(), x.begin(), x.end());
        targets.push_back(y);
        if (point + 1 == points) continue;
        values.push_back(y);
        values.resize(values.size() + static_cast<size_t>(features - 1));
        targets.push_back(std::nan(""));
      }
    }
    const auto count = static_cast<int64_t>(examples.size());
    return {.mask = Mask::causal(),
            .values = tensor(values, {count, 2 * points - 1, features}, DType::float64),
            .real_targets = tensor(targets, {count, 2 * points - 1, 1}, DType::float64)};
  }

  // Bayes: the mean of y given the pairs before. With w normal that is ridge regression with the noise's variance;
  // without noise least squares, and of the solutions with fewer pairs than numbers in x the smallest.
  Tensor best_outputs(const Batch& batch) const override {
    const std::vector<double> values = batch.values.to_vector();
    std::vector<double> outputs(static_cast<size_t>(batch.real_targets.size()), std::nan(""));
    for (int64_t sequence = 0; sequence < batch.size(); ++sequence) {
      const int64_t first = sequence * (2 * points - 1);
      for (int64_t known = 0; known < points; ++known) {
        outputs[static_cast<size_t>(first + 2 * known)] = prediction(values.data() + first * features, known);
      }
    }
    return tensor(outputs, batch.real_targets.shape(), DType::float64);
  }

  std::optional<double> best_loss(const Batch& batch) const override {
    const std::vector<double> best = best_outputs(batch).to_vector(), targets = batch.real_targets.to_vector();
    double loss = 0;
    for (size_t i = 0; i < best.size(); ++i) {
      if (!std::isnan(targets[i])) loss += (best[i] - targets[i]) * (best[i] - targets[i]);
    }
    return loss;
  }

 private:
  // Of the y that belongs to the x behind so many pairs. With the pairs' x as rows of X there are two forms of one
  // prediction: x' (X'X + s I)^-1 X'y with as many equations as features, x' X' (XX' + s I)^-1 y with as many as
  // pairs. The one with fewer can be solved without noise, too.
  double prediction(const double* sequence, int64_t known) const {
    const auto x = [&](int64_t i, int64_t j) { return sequence[2 * i * features + j]; };
    const auto y = [&](int64_t i) { return sequence[(2 * i + 1) * features]; };
    const bool few = known < features;
    const int64_t size = few ? known : features, other = few ? features : known;
    std::vector<double> gram(static_cast<size_t>(size * size)), right(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < size; ++j) {
        double sum = i == j ? noise * noise : 0;
        for (int64_t k = 0; k < other; ++k) sum += few ? x(i, k) * x(j, k) : x(k, i) * x(k, j);
        gram[static_cast<size_t>(i * size + j)] = sum;
      }
      if (few) right[static_cast<size_t>(i)] = y(i);
      for (int64_t k = 0; !few && k < known; ++k) right[static_cast<size_t>(i)] += x(k, i) * y(k);
    }
    const std::vector<double> solution = solved(gram, right);
    double result = 0;
    for (int64_t i = 0; i < size; ++i) {
      double along = few ? 0 : x(known, i);
      for (int64_t k = 0; few && k < features; ++k) along += x(known, k) * x(i, k);
      result += solution[static_cast<size_t>(i)] * along;
    }
    return result;
  }

  RandomKey key_{0};
};

const Registered<Task, InContextRegression> registered;

}  // namespace
}  // namespace transformlet
