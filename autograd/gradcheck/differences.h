// Derivatives along a displacement of the inputs, with error bars: Ridders' extrapolation of central differences, from
// a step chosen each time, and away from kinks.
#pragma once

#include <memory>

#include "autograd/gradcheck/problem.h"
#include "base/random.h"

namespace transformlet::checking {

// Displaces the inputs to x + t v, and says which t rounding made of it. move(0) restores them to the bit.
using Displacement = std::function<double(double t)>;

// The inputs are as they were at the end of the scope, whatever the function throws.
class Restoring {
 public:
  explicit Restoring(const Displacement& move) : move_(move) {}
  ~Restoring() { move_(0); }
  Restoring(const Restoring&) = delete;
  Restoring& operator=(const Restoring&) = delete;

 private:
  const Displacement& move_;
};

Displacement along_entry(const Tensor& x, int64_t at);

// A direction v through some of the inputs: normal, times each tensor's scale. `most`: no entry that is not 0 is
// displaced by more than so many times its own size.
struct Direction {
  std::vector<std::vector<double>> v;  // for each input; empty: it stays where it is
  Displacement move;
};
Direction random_direction(const TensorList& inputs, const std::vector<bool>& moved, const std::vector<double>& scales,
                           RandomKey key, double most = INFINITY);
// The unit of a tensor's displacements: its root mean square, or 1 where that says nothing (zeros).
std::vector<double> scales_of(const TensorList& inputs);

struct Estimate {
  double value = 0, error_bar = INFINITY;
  Reason reason = Reason::noise;  // none: value and bar are good as far as the bar says
  std::string kink;               // the op whose branch changes
  bool unaffected = false;        // no output changed in any bit
  bool rounding_rules = false;    // the bar is rounding for the most part: a larger step would make it smaller
  double step = 0;                // the one that the estimate rests on
};

class Differences {
 public:
  // Evaluates the function, and measures its rounding.
  Differences(const Problem& problem, const GradcheckOptions& options);

  const Point& base() const { return base_; }

  // The derivative of sum <output, cotangent> along a displacement, whose natural length is `scale`. `analytic` only
  // says when more work is idle. `own_scale`: of the entry itself, which may lie among much larger ones; 0: the same.
  Estimate estimate(const Displacement& move, double scale, double analytic, double own_scale = 0) const;

  // What each output contributes to the derivative, by plain differences at a step: for diagnosis.
  std::vector<double> shares(const Displacement& move, double step) const;

 private:
  struct Difference {
    double value = 0, noise = 0;
    Reason reason = Reason::none;
    std::string kink;
    bool unaffected = false;
  };
  // Which outputs a displacement has changed so far, however short the last step was: all of these bring rounding.
  // `share`: what each contributed to the derivative at the last step that changed it.
  struct Moved {
    std::vector<bool> changed;
    std::vector<double> share;
  };
  void mark_changes(const Point& point, Moved& moved) const;
  Difference difference(const Displacement& move, double step, Moved& moved) const;
  Estimate extrapolate(const Displacement& move, double start, double analytic, Moved& moved) const;
  const Branch* changed_branch(const Point& point) const;
  bool is_resolved(const Estimate& estimate, double analytic) const;
  bool agrees(const Estimate& estimate, double analytic) const;
  void confirm(const Displacement& move, double first, double own_first, double analytic, Moved& moved,
               Estimate& best) const;
  void measure_noise();

  const Problem& problem_;
  const GradcheckOptions& options_;
  Point base_;
  std::vector<double> cotangent_;  // of each output
  std::vector<double> noise_;      // the rounding of each output times its cotangent: a standard deviation
  double whole_noise_ = 0;         // of their sum
};

}  // namespace transformlet::checking
