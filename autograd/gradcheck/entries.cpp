#include "autograd/gradcheck/entries.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/gradcheck/diagnosis.h"
#include "base/random.h"

namespace transformlet::checking {
namespace {

constexpr double negligible = 1e-10;  // beside the largest gradient of a check

void count(GradcheckRow& row, const EntryCheck& entry) {
  row.passed += entry.verdict == Verdict::pass;
  row.failed += entry.verdict == Verdict::fail;
  row.tiny += entry.reason == Reason::tiny;
  row.noisy += entry.reason == Reason::noise;
  row.kinks += entry.reason == Reason::kink;
  if (row.kink.empty()) row.kink = entry.kink;
  row.non_finite += entry.reason == Reason::non_finite;
}

// A row is as good as its entries: one failure fails it; it passes if something passed or nothing was there to fail.
void conclude(GradcheckRow& row) {
  if (row.failed > 0) {
    row.verdict = Verdict::fail;
  } else if (row.passed > 0 || row.entries_checked == 0) {
    row.verdict = Verdict::pass;
  } else {
    const auto [most, reason] =
        std::max({std::pair(row.tiny, Reason::tiny), std::pair(row.noisy, Reason::noise),
                  std::pair(row.kinks, Reason::kink), std::pair(row.non_finite, Reason::non_finite)},
                 [](const auto& a, const auto& b) { return a.first < b.first; });
    row.reason = reason;
  }
}

// How much an entry has to say for being the row's worst.
double badness(const EntryCheck& entry) {
  const double error = entry.relative_error();
  const double measured = std::isnan(error) ? 1e300 : error;
  return entry.verdict == Verdict::fail ? 10 + measured : entry.verdict == Verdict::pass ? measured : -1;
}

}  // namespace

double rounding_of(const Check& check, const Tensor& gradient) {
  double largest = 0;
  for (int64_t i = 0; i < gradient.size(); ++i) {
    const double value = std::abs(value_at(gradient, i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return 4 * check.problem.epsilon * largest;
}

Judgement judge(const GradcheckOptions& options, double analytic, const Estimate& estimate, double own_rounding,
                double size, double largest) {
  if (estimate.reason != Reason::none) return {Verdict::unchecked, estimate.reason};
  if (!std::isfinite(analytic)) return {Verdict::fail, Reason::none};
  if (analytic == 0 && estimate.unaffected) return {Verdict::pass, Reason::none};
  const double bars = options.error_bars * (estimate.error_bar + own_rounding);
  const double error = std::abs(analytic - estimate.value), excused = std::max(options.atol, negligible * largest);
  if (error > options.rtol * size + bars) {
    if (error <= excused) return {Verdict::unchecked, Reason::tiny};
    return {Verdict::fail, Reason::none};
  }
  if (bars <= options.resolution * size) return {Verdict::pass, Reason::none};
  // A value that is lost in its error bar is excused if the bar is narrow beside everything else.
  const bool is_excused = size <= excused + bars && bars <= std::max(excused, 1e3 * negligible * largest);
  return {Verdict::unchecked, is_excused ? Reason::tiny : Reason::noise};
}

GradcheckRow check_entries(const Check& check, size_t input, std::vector<int64_t> entries) {
  const Tensor &x = check.input(input), &gradient = check.gradient[input];
  GradcheckRow row;
  row.name = name_of_input(check.problem.inputs, input);
  row.shape = x.shape();
  if (entries.empty() && check.options.max_entries > 0 && check.options.max_entries < x.size()) {
    entries = shuffled(RandomKey(check.options.seed) / "entries" / row.name, x.size());
    entries.resize(static_cast<size_t>(check.options.max_entries));
  } else if (entries.empty()) {
    entries.resize(static_cast<size_t>(x.size()));
    std::iota(entries.begin(), entries.end(), 0);
  }
  const double unit = root_mean_squares({x})[0], own_rounding = rounding_of(check, gradient);
  Comparison comparison{.shape = x.shape(), .whole = static_cast<int64_t>(entries.size()) == x.size()};
  double steps = 0, worst = -2, errors = 0;
  for (const int64_t at : entries) {
    EntryCheck entry;
    entry.analytic = value_at(gradient, at);
    const double own_size = std::abs(value_at(x, at)), size_of_x = std::max(own_size, unit);
    const Estimate estimate =
        check.differences.estimate(along_entry(x, at), size_of_x == 0 ? 1.0 : size_of_x, entry.analytic, own_size);
    entry.numeric = estimate.value;
    entry.error_bar = estimate.error_bar;
    const double size = std::max(std::abs(entry.analytic), std::abs(entry.numeric));
    const auto [verdict, reason] = judge(check.options, entry.analytic, estimate, own_rounding, size, check.largest);
    entry.verdict = verdict;
    entry.reason = reason;
    entry.kink = reason == Reason::kink ? estimate.kink : "";
    count(row, entry);
    ++row.entries_checked;
    if (verdict != Verdict::unchecked || reason == Reason::tiny) {
      comparison.add(at, entry.analytic, entry.numeric, verdict == Verdict::fail);
      steps = std::max(steps, estimate.step);
    }
    if (verdict != Verdict::unchecked) {
      errors += entry.relative_error();
      row.worst_relative_error = std::max(row.worst_relative_error, entry.relative_error());
    }
    if (badness(entry) > worst) {
      worst = badness(entry);
      entry.index = unravel(x.shape(), at);
      row.worst = entry;
    }
  }
  if (row.passed + row.failed > 0) row.mean_relative_error = errors / static_cast<double>(row.passed + row.failed);
  row.cosine = comparison.cosine();
  conclude(row);
  if (row.failed > 0) {
    measure_shares(check, input, steps, comparison);
    row.diagnosis = diagnose(comparison);
  }
  return row;
}

}  // namespace transformlet::checking
