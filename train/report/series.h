// A metric over the steps of training, and how it is made shorter without losing what the eye looks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace transformlet {

struct Series {
  std::string name;
  std::vector<int32_t> steps = {};  // never descending
  std::vector<float> values = {};   // NaN: it was not finite
  int64_t recorded = 0;             // points that there were before thinning
  double sum = 0;                   // of their values, but for those that were not finite

  size_t size() const { return steps.size(); }
  void add(int64_t step, double value);
};

// The shortest number that is this float: 0.9, not 0.8999999761581421.
double shortest(float value);

// Cuts a series of more than `most` points into most / 4 pieces of about as many points each, and keeps of each the
// first, the last, the least and the greatest: so the extremes of the whole stay, and every spike. A value that is not
// finite is kept only where it is first or last.
void thin(Series& series, size_t most);

}  // namespace transformlet
