// Jumps of metrics, the plateaus before them, and which metric jumped first.
//
// A metric changes phase where it goes from one level to another and both levels last. Of a metric at points
// x[0] ... x[n - 1] (longer series are first cut into 1,024 pieces, of which the medians are taken; a metric with
// `loss` in its name that is above 0 throughout is taken in logarithms), windows before[i, w] = x[i - w .. i - 1] and
// after[i, w] = x[i .. i + w - 1] are compared at every place i and at half-widths w = 5, 7, 10, 14 ... n / 2. The
// place is a candidate if
//
//   |median(after) - median(before)| >= 6 max(MAD(before), MAD(after), noise)
//
// where MAD is the median absolute deviation from the window's median, and noise is the standard deviation of white
// noise with the differences between neighbours that the series has (1.4826 median |x[i + 1] - x[i]| / sqrt 2). A
// straight line, at any slope, gives 4 MADs, and a power law less than 6 (an exponential decay is a straight line in
// logarithms): curves that learn steadily have no changes. Medians of 5 white noises differ by 6 noises once in 1e13
// windows. The change must also be 8 times what is typical of the series, the median of |median(after) -
// median(before)| over all places i at this w (at the greatest w <= n / 6, if w is more), which keeps out what wanders,
// as correlated noise does: of random walks 2 to 3 in 100 have a change. And it must be a tenth of what the metric
// covers (between medians of 5 neighbours), and a fiftieth of its greatest size. Of candidates the narrowest windows
// come first, and there the clearest ones; another one counts if no change so far lies in its windows, or if it is at
// least twice as large. A change that lies within a larger one is a part of it.
//
// Its levels are the medians of as many points as it has itself, at least 5, on both sides of it. It begins at the
// first point after which the metric (as medians of 3 neighbours) stays more than a tenth of the way from the one level
// to the other, or 3 noises if that is more, until it is half way; it ends when it has come as near to the other level.
// The plateau before it begins where the metric came that near to the first level for good; it is told if it has at
// least 10 points and lasts as long as the change. A metric needs 30 points; times are exact to a point, or to a
// thousandth of the run.
//
// Changes of several metrics belong together if they begin before the first one has ended, or after that within the
// time that it took, or within a fiftieth of the run from its beginning: the others follow it. perf/ and optim/ are
// left out.
#pragma once

#include <string>
#include <vector>

#include "train/report/series.h"

namespace transformlet {

struct PhaseChange {
  std::string metric;
  int64_t step = 0, until = 0;  // of training: where it begins and ends
  double before = 0, after = 0;
  int64_t plateau = -1;  // the step where the plateau before it begins; -1: there is none
};

// By ascending step.
std::vector<PhaseChange> phase_changes(const Series& series);

struct ChangesTogether {
  PhaseChange first;
  std::vector<PhaseChange> followers;  // by ascending step, one for each metric
};
std::vector<ChangesTogether> changes_together(const std::vector<Series>& metrics);

}  // namespace transformlet
