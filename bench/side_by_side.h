// Times two pieces of work in turns, so that whatever else the machine is doing falls on both alike.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace transformlet {

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  benchmark::ClobberMemory();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct SideBySide {
  double subject, yardstick;  // median seconds
  double ratio;               // the median of the turns' ratios: steadier than the ratio of the medians
};

// The benchmark's own time is that of both, so that a slow yardstick does not make it endless: the counter `us` is the
// subject's.
template <class Subject, class Yardstick>
SideBySide time_side_by_side(benchmark::State& state, const Subject& subject, const Yardstick& yardstick) {
  std::vector<double> subject_seconds, yardstick_seconds, ratios;
  subject();  // caches, pool and threads warm up
  yardstick();
  bool subject_first = true;
  for (auto _ : state) {
    double of_subject, of_yardstick;
    if (subject_first) {
      of_subject = seconds_of(subject);
      of_yardstick = seconds_of(yardstick);
    } else {
      of_yardstick = seconds_of(yardstick);
      of_subject = seconds_of(subject);
    }
    subject_first = !subject_first;
    subject_seconds.push_back(of_subject);
    yardstick_seconds.push_back(of_yardstick);
    ratios.push_back(of_subject / of_yardstick);
  }
  const SideBySide times{median(subject_seconds), median(yardstick_seconds), median(ratios)};
  state.counters["us"] = 1e6 * times.subject;
  return times;
}

}  // namespace transformlet
