// How far the tokens of a sequence are from being all the same, after each block: rank collapse (Dong et al. 2021,
// Attention is not all you need: pure attention loses rank doubly exponentially with depth).
//
// For each block's input and output X (T, d), `residual`: the norm of X - 1 m, where each row of 1 m is the mean row of
// X, divided by that of X; the mean over sequences. 0: all tokens are the same, X has rank 1. The norm is the paper's,
// sqrt(largest column sum * largest row sum) of absolute values. Padding does not count. Cost: a forward pass.
#include <algorithm>
#include <cmath>

#include "study/probe.h"
#include "study/token_rows.h"

namespace transformlet {
namespace {

using Rows = std::vector<std::vector<double>>;

double composite_norm(const Rows& rows) {
  double largest_row = 0;
  std::vector<double> columns(rows.front().size(), 0.0);
  for (const std::vector<double>& row : rows) {
    double sum = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      sum += std::abs(row[i]);
      columns[i] += std::abs(row[i]);
    }
    largest_row = std::max(largest_row, sum);
  }
  return std::sqrt(largest_row * *std::ranges::max_element(columns));
}

double relative_residual(Rows rows) {
  const double whole = composite_norm(rows);
  std::vector<double> mean(rows.front().size(), 0.0);
  for (const std::vector<double>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) mean[i] += row[i] / static_cast<double>(rows.size());
  }
  for (std::vector<double>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) row[i] -= mean[i];
  }
  return whole > 0 ? composite_norm(rows) / whole : 0;
}

class Listener : public Tap {
 public:
  explicit Listener(const ModelInputs& examples) : examples_(examples) {}

  bool wants(std::string_view name) const override {
    return name.find("blocks.") != name.npos && (name.ends_with(".output") || name.ends_with("blocks.0.input"));
  }

  Tensor receive(std::string_view name, const Tensor& x) override {
    const int64_t batch = x.dim(0), length = x.dim(1), width = x.dim(2);
    const std::vector<double> values = x.to_vector();
    std::vector<Rows> sequences(static_cast<size_t>(batch));
    for (const int64_t row : token_rows(name, x, examples_)) {
      sequences[static_cast<size_t>(row / length)].emplace_back(values.begin() + row * width,
                                                                values.begin() + (row + 1) * width);
    }
    double sum = 0;
    for (Rows& rows : sequences) sum += relative_residual(std::move(rows));
    result.emplace_back(std::string(name) + "/residual", sum / static_cast<double>(batch));
    return x;
  }

  Measurements result;

 private:
  const ModelInputs& examples_;
};

struct TokenUniformity : Probe {
  static constexpr const char* name = "rank";
  static constexpr const char* help = "after each block: how far a sequence's tokens are from being all the same";

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    Listener listener(view.examples);
    view.model(view.examples, Pass::evaluation().with_tap(listener));
    return listener.result;
  }
};

const Registered<Probe, TokenUniformity> registered;

}  // namespace
}  // namespace transformlet
