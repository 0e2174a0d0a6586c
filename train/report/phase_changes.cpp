#include "train/report/phase_changes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace transformlet {
namespace {

constexpr size_t most_points = 1024;
constexpr int64_t least_half_width = 5, least_plateau = 10, least_points = 30;
constexpr double least_score = 6, least_times_typical = 8, least_share_of_range = 0.1, least_share_of_size = 0.02,
                 near = 0.1;

// Places its middle there; the values are not in order afterwards.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Points {
  std::vector<int64_t> steps;
  std::vector<double> values;

  int64_t size() const { return static_cast<int64_t>(steps.size()); }
  double at(int64_t i) const { return values[static_cast<size_t>(i)]; }
  int64_t step(int64_t i) const { return steps[static_cast<size_t>(i)]; }
  // Of `count` neighbours, as many as there are.
  double smooth(int64_t i, int64_t count = 3) const {
    std::vector<double> near_by;
    for (int64_t k = std::max<int64_t>(0, i - count / 2); k <= std::min(size() - 1, i + count / 2); ++k) {
      near_by.push_back(at(k));
    }
    return median_of(near_by);
  }
};

bool in_logarithms(const Series& series) {
  return series.name.find("loss") != series.name.npos &&
         std::ranges::none_of(series.values, [](float x) { return x <= 0; });
}

Points points_of(const Series& series, bool logarithms) {
  Points finite;
  for (size_t i = 0; i < series.size(); ++i) {
    if (!std::isfinite(series.values[i])) continue;
    finite.steps.push_back(series.steps[i]);
    finite.values.push_back(logarithms ? std::log(static_cast<double>(series.values[i]))
                                       : static_cast<double>(series.values[i]));
  }
  const size_t size = finite.steps.size();
  if (size <= most_points) return finite;
  Points pieces;
  for (size_t piece = 0; piece < most_points; ++piece) {
    const size_t begin = piece * size / most_points, end = (piece + 1) * size / most_points;
    std::vector<double> values(finite.values.begin() + static_cast<int64_t>(begin),
                               finite.values.begin() + static_cast<int64_t>(end));
    pieces.steps.push_back(finite.steps[(begin + end) / 2]);
    pieces.values.push_back(median_of(values));
  }
  return pieces;
}

struct Window {
  double median, deviation;
};

Window window_of(const Points& points, int64_t begin, int64_t end) {
  std::vector<double> values(points.values.begin() + begin, points.values.begin() + end);
  const double median = median_of(values);
  for (double& value : values) value = std::abs(value - median);
  return {median, median_of(values)};
}

double noise_of(const Points& points) {
  std::vector<double> differences;
  for (int64_t i = 1; i < points.size(); ++i) differences.push_back(std::abs(points.at(i) - points.at(i - 1)));
  return 1.4826 * median_of(differences) / std::sqrt(2.0);
}

struct Candidate {
  int64_t place = 0, half_width = 0;
  double before = 0, after = 0, score = 0;

  double size() const { return std::abs(after - before); }
};

// What a change must be at least: a part of the range, and of the greatest size; in logarithms sizes are shares.
double least_change(const Points& points, bool logarithms) {
  double least = INFINITY, greatest = -INFINITY, size = logarithms ? 1 : 0;
  for (int64_t i = 0; i < points.size(); ++i) {
    const double value = points.smooth(i, 5);
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    if (!logarithms) size = std::max(size, std::abs(value));
  }
  return std::max(least_share_of_range * (greatest - least), least_share_of_size * size);
}

// The comparison at every place, or at every few of a wide window.
std::vector<Candidate> compared(const Points& points, int64_t half_width, double noise) {
  std::vector<Candidate> all;
  const int64_t stride = std::max<int64_t>(1, half_width / 4);
  for (int64_t i = half_width; i + half_width <= points.size(); i += stride) {
    const Window before = window_of(points, i - half_width, i), after = window_of(points, i, i + half_width);
    const double size = std::abs(after.median - before.median);
    const double spread = std::max({before.deviation, after.deviation, noise});
    const double score = size == 0 ? 0 : spread == 0 ? INFINITY : size / spread;
    all.push_back({i, half_width, before.median, after.median, score});
  }
  return all;
}

double typical_size(const std::vector<Candidate>& all) {
  std::vector<double> sizes;
  sizes.reserve(all.size());
  for (const Candidate& candidate : all) sizes.push_back(candidate.size());
  return median_of(sizes);
}

// Those that are changes, the clearest first; of equally clear ones, as of a step without noise, the larger.
void keep_changes(std::vector<Candidate>& candidates, double least_size) {
  std::erase_if(candidates, [&](const Candidate& candidate) {
    return candidate.score < least_score || candidate.size() < least_size;
  });
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.size() > b.size();
  });
}

// By width, the narrowest first.
std::vector<Candidate> changes_of(const Points& points, double noise, double least_size) {
  std::vector<Candidate> taken;
  double typical = 0;
  for (double width = least_half_width; 2 * width <= static_cast<double>(points.size()); width *= std::numbers::sqrt2) {
    const auto half_width = static_cast<int64_t>(width);
    std::vector<Candidate> candidates = compared(points, half_width, noise);
    // One change is in the windows of 2 w places: of wide windows in those of most.
    if (6 * half_width <= points.size()) typical = typical_size(candidates);
    keep_changes(candidates, std::max(least_size, least_times_typical * typical));
    for (const Candidate& candidate : candidates) {
      const bool is_new = std::ranges::none_of(taken, [&](const Candidate& other) {
        return std::abs(candidate.place - other.place) <= half_width && candidate.size() < 2 * other.size();
      });
      if (is_new) taken.push_back(candidate);
    }
  }
  return taken;
}

struct Times {
  int64_t begin, end;
  double tolerance;  // as a share of the change
};

// Where the change of these levels begins and ends, within [first, last].
Times times_of(const Points& points, const Candidate& change, int64_t first, int64_t last, double noise) {
  const double span = change.after - change.before, tolerance = std::clamp(3 * noise / std::abs(span), near, 0.45);
  const auto share = [&](int64_t i) { return (points.smooth(i) - change.before) / span; };  // 0 before, 1 after
  int64_t half = first;  // where it is half way: the crossing next to the place
  for (int64_t i = first + 1; i <= last; ++i) {
    const bool crosses = share(i) >= 0.5 && share(i - 1) < 0.5;
    if (crosses && std::abs(i - change.place) < std::abs(half - change.place)) half = i;
  }
  Times times{half, half, tolerance};
  while (times.begin > first && share(times.begin - 1) > tolerance) --times.begin;
  while (times.end < last && share(times.end) < 1 - tolerance) ++times.end;
  return times;
}

PhaseChange with_times(const Points& points, Candidate change, double noise) {
  const auto clamped = [&](int64_t i) { return std::clamp<int64_t>(i, 0, points.size() - 1); };
  const int64_t width = change.half_width;
  Times times = times_of(points, change, change.place - width, change.place + width - 1, noise);
  // The windows may hold a part of the change: the levels are those on both sides of it, once more when it is known
  // better where that is.
  for (int pass = 0; pass < 4; ++pass) {
    const int64_t room = std::max(least_half_width, times.end - times.begin);
    const int64_t first = clamped(times.begin - room), last = clamped(times.end + room);
    change.before = window_of(points, first, std::max(times.begin, first + 1)).median;
    change.after = window_of(points, times.end, last + 1).median;
    change.place = (times.begin + times.end) / 2;
    times = times_of(points, change, first, last, noise);
  }

  int64_t plateau = times.begin;
  const double tolerance = times.tolerance * std::abs(change.after - change.before);
  while (plateau > 0 && std::abs(points.smooth(plateau - 1) - change.before) <= tolerance) --plateau;
  PhaseChange result;
  result.step = points.step(times.begin);
  result.until = points.step(times.end);
  result.before = change.before;
  result.after = change.after;
  const bool lasts = result.step - points.step(plateau) >= result.until - result.step;
  if (times.begin - plateau >= least_plateau && lasts) result.plateau = points.step(plateau);
  return result;
}

}  // namespace

std::vector<PhaseChange> phase_changes(const Series& series) {
  const bool logarithms = in_logarithms(series);
  const Points points = points_of(series, logarithms);
  if (points.size() < least_points) return {};
  const double noise = noise_of(points), least_size = least_change(points, logarithms);
  std::vector<PhaseChange> changes;
  for (const Candidate& candidate : changes_of(points, noise, least_size)) {
    changes.push_back(with_times(points, candidate, noise));
    PhaseChange& change = changes.back();
    change.metric = series.name;
    if (logarithms) {
      change.before = std::exp(change.before);
      change.after = std::exp(change.after);
    }
  }
  // What lies within a larger change is a part of it.
  const std::vector<PhaseChange> all = changes;
  std::erase_if(changes, [&](const PhaseChange& change) {
    return std::ranges::any_of(all, [&](const PhaseChange& other) {
      return change.step >= other.step && change.until <= other.until &&
             std::abs(change.after - change.before) < std::abs(other.after - other.before);
    });
  });
  std::ranges::stable_sort(changes, {}, &PhaseChange::step);
  return changes;
}

std::vector<ChangesTogether> changes_together(const std::vector<Series>& metrics) {
  std::vector<PhaseChange> all;
  int64_t last_step = 0;
  for (const Series& series : metrics) {
    if (series.size() > 0) last_step = std::max<int64_t>(last_step, series.steps.back());
    if (series.name.starts_with("perf/") || series.name.starts_with("optim/")) continue;
    for (PhaseChange& change : phase_changes(series)) all.push_back(std::move(change));
  }
  std::ranges::stable_sort(all, {}, &PhaseChange::step);
  std::vector<ChangesTogether> result;
  for (PhaseChange& change : all) {
    if (!result.empty()) {
      ChangesTogether& last = result.back();
      const int64_t time = std::max(2 * (last.first.until - last.first.step), last_step / 50);
      if (change.step <= last.first.step + time) {
        const auto is_same = [&](const PhaseChange& other) { return other.metric == change.metric; };
        if (!is_same(last.first) && std::ranges::none_of(last.followers, is_same)) {
          last.followers.push_back(std::move(change));
        }
        continue;
      }
    }
    result.push_back({std::move(change), {}});
  }
  return result;
}

}  // namespace transformlet
