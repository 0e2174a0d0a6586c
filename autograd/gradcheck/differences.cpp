#include "autograd/gradcheck/differences.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace transformlet::checking {
namespace {

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// The inputs are as they were at the end of the scope, whatever the function throws.
class Restoring {
 public:
  explicit Restoring(const Displacement& move) : move_(move) {}
  ~Restoring() { move_(0); }
  Restoring(const Restoring&) = delete;
  Restoring& operator=(const Restoring&) = delete;

 private:
  const Displacement& move_;
};

}  // namespace

Displacement along_entry(const Tensor& x, int64_t at) {
  const double value = value_at(x, at);
  return [x, at, value](double t) {
    set_value(x, at, value + t);
    return t == 0 ? 0.0 : value_at(x, at) - value;
  };
}

std::vector<double> scales_of(const TensorList& inputs) {
  std::vector<double> scales = root_mean_squares(inputs);
  for (double& scale : scales) scale = scale < 1e-3 ? 1.0 : scale;
  return scales;
}

Direction random_direction(const TensorList& inputs, const std::vector<bool>& moved, const std::vector<double>& scales,
                           RandomKey key) {
  Direction direction;
  std::vector<std::vector<double>> values(inputs.size());
  direction.v.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!moved[i]) continue;
    RandomStream stream(key / static_cast<int64_t>(i));
    for (int64_t j = 0; j < inputs[i].size(); ++j) {
      direction.v[i].push_back(scales[i] * stream.normal());
      values[i].push_back(value_at(inputs[i], j));
    }
  }
  direction.move = [inputs, v = direction.v, values = std::move(values)](double t) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (v[i].empty()) continue;
      set_values(inputs[i], [&](int64_t j) {
        const auto at = static_cast<size_t>(j);
        return t == 0 ? values[i][at] : values[i][at] + t * v[i][at];
      });
    }
    return t;
  };
  return direction;
}

Differences::Differences(const Problem& problem, const GradcheckOptions& options)
    : problem_(problem), options_(options), base_(problem.evaluate()) {
  for (const Tensor& u : problem.cotangents) {
    for (int64_t i = 0; i < u.size(); ++i) cotangent_.push_back(value_at(u, i));
  }
  measure_noise();
}

const Branch* Differences::changed_branch(const Point& point) const {
  const size_t count = std::min(point.branches.size(), base_.branches.size());
  for (size_t i = 0; i < count; ++i) {
    if (point.branches[i] != base_.branches[i]) return &point.branches[i];
  }
  if (point.branches.size() == base_.branches.size()) return nullptr;
  return point.branches.size() > count ? &point.branches[count] : &base_.branches[count];
}

// Each output at points so close together that the function is a straight line but for its rounding: of the fourth
// differences nothing but that is left (More and Wild 2011). The steps are much longer than the rounding of the inputs.
void Differences::measure_noise() {
  constexpr int points = 12, order = 4;
  constexpr double gamma = 1.0 / 70;  // (k!)^2 / (2k)! for k = 4
  const double epsilon = problem_.epsilon();
  const Direction direction = random_direction(problem_.inputs, std::vector<bool>(problem_.inputs.size(), true),
                                               scales_of(problem_.inputs), RandomKey(options_.seed) / "noise");
  const Restoring at_end(direction.move);
  const size_t count = base_.values.size();
  std::vector<double> measured(count, 0.0);
  // A kink between the points would look like rounding: then they move closer together.
  for (double step = std::sqrt(epsilon) / 16; step > 4 * epsilon; step /= 64) {
    std::vector<std::vector<double>> table;
    bool smooth = true;
    std::vector<Branch> branches;
    for (int i = 1; i <= points && smooth; ++i) {
      direction.move(i * step);
      Point point = problem_.evaluate();
      if (i == 1) branches = point.branches;
      smooth = point.branches == branches && point.values.size() == count;
      table.push_back(std::move(point.values));
    }
    if (!smooth) continue;
    for (int k = 0; k < order; ++k) {
      for (size_t i = 0; i + 1 < table.size(); ++i) {
        for (size_t j = 0; j < count; ++j) table[i][j] = table[i + 1][j] - table[i][j];
      }
      table.pop_back();
    }
    for (size_t j = 0; j < count; ++j) {
      for (const std::vector<double>& row : table)
        measured[j] += gamma * row[j] * row[j] / static_cast<double>(table.size());
    }
    break;
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
    // At least what rounding the result itself costs.
    const double least = 0.5 * epsilon * std::abs(base_.values[j]);
    const double deviation = std::isfinite(measured[j]) ? std::max(std::sqrt(measured[j]), least) : least;
    noise_.push_back(std::isfinite(deviation) ? deviation * std::abs(cotangent_[j]) : 0.0);
    sum += noise_[j] * noise_[j];
  }
  whole_noise_ = std::sqrt(sum);
}

Differences::Difference Differences::difference(const Displacement& move, double step,
                                                std::vector<double>& shares) const {
  const double up = move(step);
  const Point plus = problem_.evaluate();
  const double down = move(-step);
  const Point minus = problem_.evaluate();
  Difference result;
  for (const Point* const point : {&plus, &minus}) {
    if (const Branch* const branch = changed_branch(*point)) {
      result.reason = Reason::kink;
      result.kink = branch->op;
      return result;
    }
  }
  const double width = up - down;
  // Only outputs that changed bring rounding with them; one that changed over a longer step, and does not over this one,
  // lost all that it had to say. Compensated, so that the sum has no rounding of its own.
  double total = 0, compensation = 0, noise = 0, lost = 0;
  shares.resize(plus.values.size(), 0.0);
  result.unaffected = true;
  for (size_t j = 0; j < plus.values.size(); ++j) {
    if (same_bits(plus.values[j], minus.values[j]) && same_bits(plus.values[j], base_.values[j])) {
      lost += shares[j];
      continue;
    }
    result.unaffected = false;
    shares[j] = std::abs((plus.values[j] - minus.values[j]) * cotangent_[j] / width);
    const double term = (plus.values[j] - minus.values[j]) * cotangent_[j] - compensation, next = total + term;
    compensation = (next - total) - term;
    total = next;
    noise += noise_[j] * noise_[j];
  }
  if (!std::isfinite(total) || width == 0) {
    result.reason = width == 0 ? Reason::noise : Reason::non_finite;
    return result;
  }
  result.value = total / width;
  // The difference of two values, each with its rounding.
  result.noise = std::sqrt(2.0) * (result.unaffected ? whole_noise_ : std::sqrt(noise)) / width + lost;
  return result;
}

Estimate Differences::extrapolate(const Displacement& move, double start, double analytic) const {
  constexpr int most_levels = 16;
  constexpr double shrink = 1.7;  // not 2: values in whole quanta would halve exactly, and look as if they converged
  Estimate best;
  std::vector<double> before, shares;  // `before`: the last row of the tableau
  double step = start;
  bool any = false;
  for (int level = 0; level < most_levels; ++level) {
    const Difference now = difference(move, step, shares);
    if (now.reason != Reason::none) {
      // Something lies within the step: begin again, much closer.
      if (!any) {
        best.reason = now.reason;
        best.kink = now.kink;
      }
      before.clear();
      step /= 8;
      continue;
    }
    if (now.unaffected && (any || !before.empty())) break;
    if (now.unaffected) {
      best = {.value = 0,
              .error_bar = now.noise,
              .reason = Reason::none,
              .kink = {},
              .unaffected = true,
              .rounding_rules = true,
              .step = step};
      return best;
    }
    std::vector<double> row = {now.value};
    for (size_t j = 1; j <= before.size(); ++j) {
      const double factor = std::pow(shrink, 2.0 * static_cast<double>(j)) - 1;
      row.push_back(row[j - 1] + (row[j - 1] - before[j - 1]) / factor);
      const double left_open = std::max(std::abs(row[j] - row[j - 1]), std::abs(row[j] - before[j - 1]));
      const double noise = 1.5 * now.noise, bar = left_open + noise;  // the weights of the tableau add up to under 1.5
      if (!any || bar < best.error_bar) {
        best = {.value = row[j],
                .error_bar = bar,
                .reason = Reason::none,
                .kink = {},
                .unaffected = false,
                .rounding_rules = noise > 0.5 * bar,
                .step = step};
        any = true;
      }
    }
    if (any) {
      const double allowed = options_.rtol * std::max(std::abs(best.value), std::abs(analytic));
      const bool agrees = std::abs(best.value - analytic) <= allowed + options_.error_bars * best.error_bar;
      if (agrees && options_.error_bars * best.error_bar <= allowed) break;
      if (1.5 * now.noise > best.error_bar) break;  // smaller steps are only worse
    }
    before = std::move(row);
    step /= shrink;
  }
  return best;
}

Estimate Differences::estimate(const Displacement& move, double scale, double analytic) const {
  const Restoring at_end(move);
  const double first = options_.eps * scale, most = std::max(options_.eps, 64 * first);
  Estimate best;
  double factor = 8;
  for (double start = first; start <= most; start *= factor, factor *= factor) {
    const Estimate now = extrapolate(move, start, analytic);
    const bool better = best.reason != Reason::none || (now.reason == Reason::none && now.error_bar < best.error_bar);
    if (better) best = now;
    // Enough is known, or a larger step would not help.
    const double size = std::max(std::abs(best.value), std::abs(analytic));
    const bool resolved = options_.error_bars * best.error_bar <= options_.resolution * size;
    if (resolved || !now.rounding_rules || (now.unaffected && analytic == 0)) break;
  }
  return best;
}

std::vector<double> Differences::shares(const Displacement& move, double step) const {
  const Restoring at_end(move);
  const double up = move(step);
  const Point plus = problem_.evaluate();
  const double down = move(-step);
  const Point minus = problem_.evaluate();
  std::vector<double> result(plus.values.size());
  for (size_t j = 0; j < result.size(); ++j) {
    result[j] = (plus.values[j] - minus.values[j]) * cotangent_[j] / (up - down);
  }
  return result;
}

}  // namespace transformlet::checking
