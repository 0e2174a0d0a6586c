#include "train/report/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace transformlet {

// So that a long run of many metrics needs bounded memory.
static constexpr size_t most_in_memory = 65536;

void Series::add(int64_t step, double value) {
  if (size() >= 2 * most_in_memory) thin(*this, most_in_memory);
  steps.push_back(static_cast<int32_t>(step));
  values.push_back(std::isfinite(value) ? static_cast<float>(value) : NAN);
  ++recorded;
  if (std::isfinite(value)) sum += value;
}

double shortest(float value) { return std::isfinite(value) ? std::stod(fmt::format("{}", value)) : NAN; }

void thin(Series& series, size_t most) {
  const size_t size = series.size(), pieces = std::max<size_t>(1, most / 4);
  if (size <= most) return;
  Series kept;
  for (size_t piece = 0; piece < pieces; ++piece) {
    const size_t begin = piece * size / pieces, end = (piece + 1) * size / pieces;
    size_t least = begin, greatest = begin;
    for (size_t i = begin; i < end; ++i) {
      // Written so that anything beats NaN.
      if (!(series.values[i] >= series.values[least]) && !std::isnan(series.values[i])) least = i;
      if (!(series.values[i] <= series.values[greatest]) && !std::isnan(series.values[i])) greatest = i;
    }
    size_t places[] = {begin, least, greatest, end - 1};
    std::ranges::sort(places);
    for (size_t i = 0; i < 4; ++i) {
      if (i > 0 && places[i] == places[i - 1]) continue;
      kept.steps.push_back(series.steps[places[i]]);
      kept.values.push_back(series.values[places[i]]);
    }
  }
  series.steps = std::move(kept.steps);
  series.values = std::move(kept.values);
}

}  // namespace transformlet
