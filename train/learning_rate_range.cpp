#include "train/learning_rate_range.h"

#include <algorithm>
#include <cmath>

namespace transformlet {
namespace {

constexpr double keeps = 0.9, explosion = 4, least_fall = 0.01;
constexpr int64_t reach = 5;

auto lowest_of(const std::vector<LearningRateRange::Point>& points) {
  return std::ranges::min_element(points, {}, &LearningRateRange::Point::smoothed);
}

}  // namespace

double LearningRateRange::next_rate() const {
  const double progress = static_cast<double>(points_.size()) / static_cast<double>(steps_ - 1);
  return from_ * std::pow(to_ / from_, progress);
}

void LearningRateRange::add(double loss) {
  if (!std::isfinite(loss)) {
    exploded_ = true;
    return;
  }
  weighted_ = keeps * weighted_ + loss;
  weights_ = keeps * weights_ + 1;
  points_.push_back({next_rate(), loss, weighted_ / weights_});
  exploded_ = points_.back().smoothed > explosion * lowest_of(points_)->smoothed;
}

std::optional<double> LearningRateRange::suggestion() const {
  const auto count = static_cast<int64_t>(points_.size());
  if (count <= 2 * reach || lowest_of(points_)->smoothed > (1 - least_fall) * points_.front().smoothed) return {};
  const auto fall = [&](int64_t i) {
    return points_[static_cast<size_t>(i - reach)].smoothed - points_[static_cast<size_t>(i + reach)].smoothed;
  };
  int64_t best = reach;
  for (int64_t i = reach; i < count - reach; ++i) {
    if (fall(i) > fall(best)) best = i;
  }
  const bool ends_there = !exploded_ && best == count - reach - 1;
  return ends_there ? std::nullopt : std::optional(points_[static_cast<size_t>(best)].rate);
}

}  // namespace transformlet
