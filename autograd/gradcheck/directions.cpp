#include "autograd/gradcheck/directions.h"

#include <algorithm>
#include <cmath>

#include "autograd/gradcheck/diagnosis.h"
#include "base/random.h"

namespace transformlet::checking {
namespace {

struct Outcome {
  std::vector<DirectionCheck> checks;
  std::vector<double> thresholds;            // |analytic - numeric| that each of them would have let pass
  std::vector<std::vector<double>> squares;  // for each, and each input: sum of (g v)^2

  bool failed() const { return has(Verdict::fail); }
  bool has(Verdict verdict) const {
    return std::any_of(checks.begin(), checks.end(), [=](const DirectionCheck& c) { return c.verdict == verdict; });
  }
};

class Directions {
 public:
  explicit Directions(const Check& check) : check_(check), scales_(scales_of(check.problem.inputs)) {}

  // `enough`: so many failures say all.
  Outcome run(const std::vector<bool>& moved, std::string_view purpose, int enough) const {
    Outcome outcome;
    for (int k = 0; k < check_.options.directions && enough > 0; ++k) {
      const RandomKey key = RandomKey(check_.options.seed) / "direction" / purpose / k;
      const Direction direction = random_direction(check_.problem.inputs, moved, scales_, key);
      outcome.squares.emplace_back();
      DirectionCheck result;
      double sum = 0, compensation = 0, square = 0, largest = 0;
      for (size_t i = 0; i < moved.size(); ++i) {
        double own = 0;
        for (size_t j = 0; j < direction.v[i].size(); ++j) {
          const double product = value_at(check_.gradient[i], static_cast<int64_t>(j)) * direction.v[i][j];
          const double term = product - compensation, next = sum + term;
          compensation = (next - sum) - term;
          sum = next;
          own += product * product;
          largest = std::max(largest, std::abs(product));
        }
        outcome.squares.back().push_back(own);
        square += own;
      }
      const double size = std::sqrt(square);
      result.analytic = sum;
      const Estimate estimate = check_.differences.estimate(direction.move, 1.0, sum);
      result.numeric = estimate.value;
      result.error_bar = estimate.error_bar;
      result.kink = estimate.kink;
      const double own_rounding = 4 * check_.problem.epsilon * size;
      const auto [verdict, reason] =
          judge(check_.options, sum, estimate, own_rounding, std::isfinite(size) ? size : 0, size);
      result.verdict = verdict;
      result.reason = reason;
      outcome.thresholds.push_back(check_.options.rtol * size +
                                   check_.options.error_bars * (estimate.error_bar + own_rounding));
      outcome.checks.push_back(result);
      enough -= result.verdict == Verdict::fail;
    }
    return outcome;
  }

  // What the directions say about one input: nothing (unchecked) if its share of them lies below their thresholds.
  GradcheckRow row(size_t input, const Outcome& outcome) const {
    GradcheckRow row;
    const Tensor& x = check_.input(input);
    row.name = name_of_input(check_.problem.inputs, input);
    row.shape = x.shape();
    row.reason = Reason::noise;
    row.chance_of_missing = 1;
    const double root = std::sqrt(static_cast<double>(std::max<int64_t>(1, x.size())));
    for (size_t k = 0; k < outcome.checks.size(); ++k) {
      const DirectionCheck& check = outcome.checks[k];
      if (check.verdict != Verdict::pass) {
        if (check.verdict == Verdict::unchecked) row.reason = check.reason;
        if (check.reason == Reason::kink) row.kink = check.kink;
        continue;
      }
      const double share = std::sqrt(outcome.squares[k][input]);
      // An exact zero that no direction disturbed is right; another is below what can be seen.
      const bool exact = share == 0 && check.numeric == 0;
      if (x.size() == 0 || exact || outcome.thresholds[k] <= 1e2 * check_.options.resolution * share) {
        row.verdict = Verdict::pass;
        row.reason = Reason::none;
      }
      // A normal number falls below t with a probability of at most t sqrt(2 / pi).
      const double one_percent = 0.01 * share / root;
      if (one_percent > 0) row.chance_of_missing *= std::min(1.0, 0.8 * outcome.thresholds[k] / one_percent);
      row.worst_relative_error =
          std::max(row.worst_relative_error,
                   share > 0 ? std::abs(check.analytic - check.numeric) / std::sqrt(sum_of(outcome.squares[k])) : 0.0);
    }
    return row;
  }

  // The entry that halving leads to: always on into the half that is more wrong.
  int64_t narrow_down(size_t input) const {
    const Tensor& x = check_.input(input);
    int64_t begin = 0, end = x.size();
    for (int round = 0; end - begin > 1; ++round) {
      const int64_t middle = begin + (end - begin) / 2;
      begin = wrongness(input, begin, middle, round) >= wrongness(input, middle, end, round) ? begin : middle;
      end = begin == middle ? end : middle;
    }
    return begin;
  }

 private:
  static double sum_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  }

  // How far a direction through the entries [begin, end) alone is off.
  double wrongness(size_t input, int64_t begin, int64_t end, int round) const {
    const Tensor& x = check_.input(input);
    std::vector<double> v(static_cast<size_t>(x.size())), values(v.size());
    RandomStream stream(RandomKey(check_.options.seed) / "halving" / round / begin);
    double analytic = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<size_t>(i);
      values[at] = value_at(x, i);
      if (i >= begin && i < end) v[at] = scales_[input] * stream.normal();
      if (v[at] != 0) analytic += v[at] * value_at(check_.gradient[input], i);
    }
    const Displacement move = [&](double t) {
      set_values(x, [&](int64_t i) {
        const auto at = static_cast<size_t>(i);
        return t == 0 ? values[at] : values[at] + t * v[at];
      });
      return t;
    };
    const Estimate estimate = check_.differences.estimate(move, 1.0, analytic);
    if (!std::isfinite(analytic)) return INFINITY;
    return estimate.reason == Reason::none ? std::abs(analytic - estimate.value) : 0.0;
  }

  const Check& check_;
  std::vector<double> scales_;
};

// How many entries wrong tensors are looked at for, all together: a check of a large model stays one of seconds. An
// evaluation costs about as much as there are parameters.
int64_t entries_to_look_at(const TensorList& inputs) {
  int64_t size = 1;
  for (const Tensor& x : inputs) size += x.size();
  return std::clamp<int64_t>((int64_t{1} << 23) / size, 256, 4096);
}

// The entries of a tensor, as far as so many suffice, and of a wrong one that where halving leads.
GradcheckRow look_closer(const Check& check, const Directions& directions, size_t input, int64_t most, bool wrong) {
  const Tensor& x = check.input(input);
  if (x.size() <= most) return check_entries(check, input);
  std::vector<int64_t> entries =
      shuffled(RandomKey(check.options.seed) / "closer" / name_of_input(check.problem.inputs, input), x.size());
  entries.resize(static_cast<size_t>(std::min<int64_t>(most, 64)));
  if (wrong) entries.push_back(directions.narrow_down(input));
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return check_entries(check, input, entries);
}

// A tensor that its own directions found wrong. `most`: the entries that may be looked at.
GradcheckRow explain(const Check& check, const Directions& directions, size_t input, const Outcome& own, int64_t most) {
  GradcheckRow row = directions.row(input, own);
  if (most > 0) row = look_closer(check, directions, input, most, true);
  if (row.verdict == Verdict::fail) return row;
  // Entries were not looked at, or the wrong ones were missed. Directions have a pattern of their own.
  Comparison comparison{.shape = {static_cast<int64_t>(own.checks.size())}};
  for (const DirectionCheck& direction : own.checks) {
    if (direction.verdict == Verdict::fail) comparison.add(0, direction.analytic, direction.numeric, true);
  }
  row.verdict = Verdict::fail;
  row.reason = Reason::none;
  row.diagnosis = diagnose(comparison);
  if (row.diagnosis.empty()) {
    row.diagnosis = most > 0
                        ? "directions through this tensor disagree, though the entries that were looked at are right"
                        : "directions through this tensor disagree";
  }
  return row;
}

}  // namespace

void check_directions(const Check& check, GradcheckResult& result) {
  const Directions directions(check);
  const size_t count = check.problem.inputs.size();
  const Outcome together = directions.run(std::vector<bool>(count, true), "all", check.options.directions);
  result.directions = together.checks;
  // Two that fail show whether they have a factor in common; of hundreds of tensors one each has to do.
  const int enough = count > 64 ? 1 : 2;
  std::vector<std::pair<size_t, Outcome>> wrong;
  for (size_t i = 0; i < count; ++i) {
    GradcheckRow row = directions.row(i, together);
    if (together.failed() || row.verdict != Verdict::pass) {
      std::vector<bool> alone(count, false);
      alone[i] = true;
      // A tensor that is alone anyway has had its directions: others might miss what these have seen.
      Outcome own = count == 1 ? together : directions.run(alone, row.name, enough);
      row = directions.row(i, own);
      if (own.failed()) {
        wrong.emplace_back(i, std::move(own));
      } else if (row.verdict != Verdict::pass) {
        row = look_closer(check, directions, i, 64, false);
      }
    }
    result.rows.push_back(std::move(row));
  }
  // The last ones lie closest to what is wrong: all that comes before them in the forward pass inherits their error.
  int64_t left = entries_to_look_at(check.problem.inputs);
  for (size_t k = wrong.size(); k-- > 0;) {
    const auto& [input, own] = wrong[k];
    result.rows[input] = explain(check, directions, input, own, left);
    left = std::max<int64_t>(0, left - result.rows[input].entries_checked);
  }
  // Each tensor by itself may have been lucky. If the entries don't tell either, the failed direction stands.
  if (!together.failed() || !wrong.empty()) return;
  for (size_t i = 0; i < count; ++i) {
    result.rows[i] = look_closer(check, directions, i, entries_to_look_at(check.problem.inputs), true);
  }
}

}  // namespace transformlet::checking
