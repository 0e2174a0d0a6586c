// Gradients against finite differences, in float64.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

struct GradcheckOptions {
  // The largest step of the differences. They use four points, f(x -+ h) and f(x -+ 2h), so the error of truncation
  // falls with h^4 and is far below that of rounding. An entry that disagrees is tried again with smaller steps,
  // because a kink (ReLU, max) may lie between the points: a wrong gradient disagrees at every step.
  double eps = 1e-4;
  // An entry passes if |analytic - numeric| <= atol + rtol * max(|analytic|, |numeric|). atol is scaled by the size of
  // the function (its value or 1): rounding leaves about 1e-16 / eps of it.
  double rtol = 1e-6;
  double atol = 1e-9;
  int64_t max_entries = 0;  // of each input, drawn at random; 0: all
  uint64_t seed = 0;        // of that draw, and of the cotangents
};

// What was found for one input.
struct GradcheckRow {
  std::string name;
  Shape shape;
  int64_t entries_checked = 0;
  int64_t entries_failed = 0;
  double worst_error = 0;     // |analytic - numeric|, where it is largest compared to what is allowed
  double relative_error = 0;  // that, over max(|analytic|, |numeric|)
  double analytic = 0, numeric = 0;
  std::vector<int64_t> index;  // where
};

struct GradcheckResult {
  std::vector<GradcheckRow> rows;
  bool ok() const;
};
std::ostream& operator<<(std::ostream& out, const GradcheckResult& result);

using TensorFunction = std::function<TensorList(const TensorList&)>;

// Checks the gradients of the sum over the outputs of <output, random cotangent> with respect to every input: float64
// leaves, which the function reads from its argument or has in its reach (a layer's parameters). The inputs are changed
// and restored. The function must be deterministic.
GradcheckResult gradcheck(const TensorFunction& function, const TensorList& inputs,
                          const GradcheckOptions& options = {});

// The same for the gradients themselves, as functions of the inputs and of the cotangents: second derivatives.
GradcheckResult gradgradcheck(const TensorFunction& function, const TensorList& inputs,
                              const GradcheckOptions& options = {});

}  // namespace transformlet
