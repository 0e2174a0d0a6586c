#include "autograd/gradcheck/differences.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace transformlet::checking {
namespace {

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

Displacement along_entry(const Tensor& x, int64_t at) {
  const double value = value_at(x, at);
  return [x, at, value](double t) {
    set_value(x, at, t == 0 ? value : value + t);  // -0.0 + 0 is +0.0
    return t == 0 ? 0.0 : value_at(x, at) - value;
  };
}

std::vector<double> scales_of(const TensorList& inputs) {
  std::vector<double> scales = root_mean_squares(inputs);
  for (double& scale : scales) scale = scale < 1e-3 ? 1.0 : scale;
  return scales;
}

Direction random_direction(const TensorList& inputs, const std::vector<bool>& moved, const std::vector<double>& scales,
                           RandomKey key, double most) {
  Direction direction;
  std::vector<std::vector<double>> values(inputs.size());
  direction.v.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!moved[i]) continue;
    RandomStream stream(key / static_cast<int64_t>(i));
    for (int64_t j = 0; j < inputs[i].size(); ++j) {
      const double value = value_at(inputs[i], j), own = most * std::abs(value);
      direction.v[i].push_back((own > 0 && own < scales[i] ? own : scales[i]) * stream.normal());
      values[i].push_back(value);
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

void Differences::mark_changes(const Point& point, Moved& moved) const {
  for (size_t j = 0; j < moved.changed.size(); ++j) {
    if (!same_bits(point.values[j], base_.values[j])) moved.changed[j] = true;
  }
}

Differences::Difference Differences::difference(const Displacement& move, double step, Moved& moved) const {
  const double up = move(step);
  const Point plus = problem_.evaluate();
  const double down = move(-step);
  const Point minus = problem_.evaluate();
  Difference result;
  mark_changes(plus, moved);
  mark_changes(minus, moved);
  for (const Point* const point : {&plus, &minus}) {
    if (const Branch* const branch = changed_branch(*point)) {
      result.reason = Reason::kink;
      result.kink = branch->op;
      return result;
    }
  }
  const double width = up - down;
  // Compensated, so that the sum has no rounding of its own. An output that a longer step changes, and this one does
  // not, has lost its change to rounding, and with it all that it had to say.
  double total = 0, compensation = 0, noise = 0, lost = 0;
  result.unaffected = true;
  for (size_t j = 0; j < plus.values.size(); ++j) {
    if (!moved.changed[j]) continue;
    // Where the function is much larger, so is its rounding.
    const double farther = 0.5 * problem_.epsilon * std::max(std::abs(plus.values[j]), std::abs(minus.values[j]));
    const double own = std::max(noise_[j], farther * std::abs(cotangent_[j]));
    noise += own * own;
    if (same_bits(plus.values[j], minus.values[j]) && same_bits(plus.values[j], base_.values[j])) {
      lost += moved.share[j];
      continue;
    }
    result.unaffected = false;
    const double share = std::abs((plus.values[j] - minus.values[j]) * cotangent_[j] / width);
    moved.share[j] = std::isfinite(share) ? share : 0.0;
    if (!std::isfinite(base_.values[j])) result.reason = Reason::non_finite;
    const double term = (plus.values[j] - minus.values[j]) * cotangent_[j] - compensation, next = total + term;
    compensation = (next - total) - term;
    total = next;
  }
  if (!std::isfinite(total)) result.reason = Reason::non_finite;
  if (width == 0) result.reason = Reason::noise;
  if (result.reason != Reason::none) return result;
  result.value = total / width;
  // The difference of two values, each with its rounding.
  result.noise = std::sqrt(2.0) * (result.unaffected ? whole_noise_ : std::sqrt(noise)) / width + lost;
  return result;
}

Estimate Differences::extrapolate(const Displacement& move, double start, double analytic, Moved& moved) const {
  constexpr int most_levels = 16;
  constexpr double shrink = 1.7;  // not 2: values in whole quanta would halve exactly, and look as if they converged
  Estimate best;
  std::vector<double> before;  // the last row of the tableau
  double step = start;
  bool any = false;
  for (int level = 0; level < most_levels; ++level) {
    const Difference now = difference(move, step, moved);
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
    // A flat piece beside a kink shows itself at any step; what only the shortest ones find is rounding.
    const bool swallowed = step <= 0x1p16 * problem_.epsilon * start;
    if (now.unaffected && swallowed && best.reason != Reason::noise) break;
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
                .rounding_rules = noise > 0.1 * bar,  // what it leaves open is rounding too
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

bool Differences::is_resolved(const Estimate& estimate, double analytic) const {
  const double size = std::max(std::abs(estimate.value), std::abs(analytic));
  return estimate.reason == Reason::none && options_.error_bars * estimate.error_bar <= options_.resolution * size;
}

bool Differences::agrees(const Estimate& estimate, double analytic) const {
  const double allowed = options_.rtol * std::abs(analytic) + options_.error_bars * estimate.error_bar;
  return std::isfinite(analytic) && std::abs(estimate.value - analytic) <= allowed;
}

// Steps that pass over all that happens near the inputs may seem to converge, to something else. So a disagreement
// counts only if shorter steps confirm it, down to where rounding rules; where they contradict, they are right. The
// last ones are in proportion to the entry itself.
void Differences::confirm(const Displacement& move, double first, double own_first, double analytic, Moved& moved,
                          Estimate& best) const {
  const auto settled = [&] { return agrees(best, analytic) && is_resolved(best, analytic); };
  const auto try_from = [&](double start) {
    Estimate now = extrapolate(move, start, analytic, moved);
    if (now.reason != Reason::none || now.unaffected) return now;
    const double apart = std::abs(now.value - best.value), bars = now.error_bar + best.error_bar;
    const bool contradicts = apart > options_.error_bars * bars;
    if (contradicts && agrees(best, analytic) && !is_resolved(now, analytic)) {
      best.error_bar = apart;  // neither is known well enough to be right
    } else if (best.reason != Reason::none || now.error_bar < best.error_bar || contradicts) {
      best = now;
    }
    return now;
  };
  Estimate last = best;
  for (double start = first / 64; start > 0x1p10 * problem_.epsilon * first && !settled(); start /= 64) {
    if (last.reason != Reason::none || last.unaffected || last.rounding_rules) break;
    last = try_from(start);
  }
  if (own_first > 0 && own_first < first / 8 && !settled()) try_from(own_first);
}

Estimate Differences::estimate(const Displacement& move, double scale, double analytic, double own_scale) const {
  if (!std::isfinite(scale)) return {.reason = Reason::non_finite, .kink = {}};
  const Restoring at_end(move);
  const double first = options_.eps * scale, most = std::max(options_.eps, 64 * first);
  Estimate best;
  Moved moved{std::vector<bool>(base_.values.size()), std::vector<double>(base_.values.size())};
  // A change that is lost in the rounding of a large output at every step shows from far away.
  move(0x1p20 * scale);
  mark_changes(problem_.evaluate(), moved);
  const auto try_from = [&](double start) {
    const Estimate now = extrapolate(move, start, analytic, moved);
    const bool better = best.reason != Reason::none || (now.reason == Reason::none && now.error_bar < best.error_bar);
    if (better) best = now;
    // A larger step would not help.
    return is_resolved(best, analytic) || !now.rounding_rules || (now.unaffected && analytic == 0);
  };
  double factor = 8;
  for (double start = first; start <= most && !try_from(start); factor *= factor) {
    // Not past the size of what is smooth on a scale of 1, however small the inputs.
    start = start < options_.eps && start * factor > most ? options_.eps : start * factor;
  }
  confirm(move, first, options_.eps * own_scale, analytic, moved, best);
  // Infinities that stay what they are hide what goes on behind them: what seems wrong may belong to them.
  if (best.reason == Reason::none && !base_.finite() && !agrees(best, analytic)) best.reason = Reason::non_finite;
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
