// The check of one tensor, entry by entry, and of one direction.
#pragma once

#include "autograd/gradcheck/differences.h"

namespace transformlet::checking {

// What the verdicts of one check rest on.
struct Check {
  const Problem& problem;
  const GradcheckOptions& options;
  const Differences& differences;
  const TensorList& gradient;
  double largest;  // of all finite entries of the gradient, by size

  const Tensor& input(size_t i) const { return problem.inputs[i]; }
};

// The gradient's own rounding, in the same measure as an error bar.
double rounding_of(const Check& check, const Tensor& gradient);

// The verdict on an analytic value. `own_rounding`: its rounding; `size`: what is relative is relative to this.
struct Judgement {
  Verdict verdict;
  Reason reason;
};
Judgement judge(const GradcheckOptions& options, double analytic, const Estimate& estimate, double own_rounding,
                double size, double largest);

// Entry by entry. `entries`: which; empty: all, or as many as max_entries.
GradcheckRow check_entries(const Check& check, size_t input, std::vector<int64_t> entries = {});

}  // namespace transformlet::checking
