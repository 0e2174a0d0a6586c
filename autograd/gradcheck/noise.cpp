// How much rounding each output of a function brings, measured (More and Wild 2011, Estimating computational noise).
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "autograd/gradcheck/differences.h"

namespace transformlet::checking {
namespace {

constexpr int points = 12, order = 4;

// The outputs at points that lie `step` apart; none if a kink lies between, which would look like rounding, or if the
// first is not on the given piece.
using Table = std::vector<std::vector<double>>;
using Piece = std::vector<Branch>;
std::optional<Table> table_at(const Problem& problem, const Displacement& move, double step,
                              std::optional<Piece> piece = {}) {
  Table table;
  for (int i = 1; i <= points; ++i) {
    move(i * step);
    Point point = problem.evaluate();
    if (!piece) piece = point.branches;
    if (point.branches != *piece) return std::nullopt;
    table.push_back(std::move(point.values));
  }
  return table;
}

// Over points so close together the function is a straight line but for its rounding: nothing but that is left of its
// fourth differences. The variance of an output.
double rounding_in(const Table& table, size_t output) {
  constexpr double gamma = 1.0 / 70;  // (k!)^2 / (2k)! for k = 4
  std::vector<double> column;
  for (const std::vector<double>& row : table) column.push_back(row[output]);
  for (int k = 0; k < order; ++k) {
    for (size_t i = 0; i + 1 < column.size(); ++i) column[i] = column[i + 1] - column[i];
    column.pop_back();
  }
  double sum = 0;
  for (const double difference : column) sum += difference * difference;
  return gamma * sum / static_cast<double>(column.size());
}

// Steps between most points are needed to see how high they are.
bool is_flat(const Table& table, size_t output) {
  int changes = 0;
  for (size_t i = 1; i < table.size(); ++i) changes += table[i][output] != table[i - 1][output];
  return 2 * changes < points;
}

}  // namespace

void Differences::measure_noise() {
  const double epsilon = problem_.epsilon;
  const Direction direction = random_direction(problem_.inputs, std::vector<bool>(problem_.inputs.size(), true),
                                               scales_of(problem_.inputs), RandomKey(options_.seed) / "noise", 1e3);
  const Restoring at_end(direction.move);
  const size_t count = base_.values.size();
  std::vector<double> measured(count, 0.0);
  const double usual = std::sqrt(epsilon) / 16;  // much longer than the rounding of the inputs
  std::optional<Table> table, beyond;
  double found = usual;
  for (; found > 4 * epsilon; found /= 64) {
    table = table_at(problem_, direction.move, found, base_.branches);
    if (table) break;
  }
  // Where the inputs are at a kink, both sides of it count: one may be flat.
  const bool at_kink = !table;
  for (double step = usual; at_kink && step > 4 * epsilon && !(table && beyond); step /= 64) {
    table = table_at(problem_, direction.move, step);
    beyond = table ? table_at(problem_, direction.move, -step) : std::nullopt;
  }
  // At least what rounding the result itself costs; beside a kink, where little can be measured, that of a few ops.
  const double ulps = at_kink ? 4 : 0.5;
  const auto least = [&](size_t j) { return ulps * epsilon * std::abs(base_.values[j]); };
  const auto is_large = [&](double variance, size_t j) { return variance > 1e6 * least(j) * least(j); };
  std::vector<size_t> flat;
  bool too_even = false, curved = false;
  for (size_t j = 0; table && j < count; ++j) {
    measured[j] = std::max(rounding_in(*table, j), beyond ? rounding_in(*beyond, j) : 0.0);
    if (is_flat(*table, j)) {
      flat.push_back(j);
    } else {
      too_even |= measured[j] < least(j) * least(j);
      curved |= is_large(measured[j], j);
    }
  }
  // Rounding is the same at every step. What becomes less with the step is the function, curved on a shorter scale.
  for (double step = found / 8; curved && step > 64 * epsilon; step /= 8) {
    table = table_at(problem_, direction.move, step, base_.branches);
    beyond = table_at(problem_, direction.move, step / std::numbers::e, base_.branches);
    curved = false;
    for (size_t j = 0; table && beyond && j < count; ++j) {
      const double shorter = std::max(rounding_in(*table, j), rounding_in(*beyond, j));
      if (is_large(measured[j], j) && shorter < measured[j] / 16 && !is_flat(*table, j)) {
        measured[j] = shorter;
        curved = true;
      }
    }
  }
  // A step that is by chance a multiple of the rounding hides it; two, as here and above, won't.
  if (too_even && (table = table_at(problem_, direction.move, found / std::numbers::e, base_.branches))) {
    for (size_t j = 0; j < count; ++j) measured[j] = std::max(measured[j], rounding_in(*table, j));
  }
  // Rounding in coarse steps, as when a large number is added and taken away again, shows only from farther apart.
  direction.move(options_.eps);
  const Point far = problem_.evaluate();
  std::erase_if(flat, [&](size_t j) { return far.values[j] == base_.values[j] || !std::isfinite(far.values[j]); });
  for (double step = 8 * found; step < options_.eps && !flat.empty(); step *= 8) {
    table = table_at(problem_, direction.move, step, base_.branches);
    if (!table) break;
    std::erase_if(flat, [&](size_t j) {
      measured[j] = std::max(measured[j], rounding_in(*table, j));
      return !is_flat(*table, j);
    });
  }
  // Rounding that stays the same for a while, as what cancels in a saturated softmax, shows between two ways to compute
  // the outputs, where there are two. What is more than that is no rounding.
  direction.move(0);
  const std::vector<double> again = values_of(problem_.differentiable());
  double largest = 0, sum = 0;
  for (const double value : base_.values) largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
  for (size_t j = 0; j < count; ++j) {
    const double apart = std::abs(again[j] - base_.values[j]);
    if (apart <= 1e-7 * largest) measured[j] = std::max(measured[j], apart * apart);
    const double deviation = std::isfinite(measured[j]) ? std::max(std::sqrt(measured[j]), least(j)) : least(j);
    noise_.push_back(std::isfinite(deviation) ? deviation * std::abs(cotangent_[j]) : 0.0);
    sum += noise_[j] * noise_[j];
  }
  whole_noise_ = std::sqrt(sum);
}

}  // namespace transformlet::checking
