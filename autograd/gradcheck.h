// Gradients against finite differences with error bars, and against identities that need no differences.
//
// Every entry gets a numeric value and an error bar: central differences in float64, extrapolated to a step of zero
// (Ridders 1982; Press et al., Numerical Recipes, section 5.7) from a step chosen for that entry. The bar holds what
// the extrapolation leaves open and what rounding costs, with the function's own rounding measured from tables of
// differences (More and Wild 2011, Estimating computational noise). From both comes one of three verdicts, with a
// reason:
//
//   pass       analytic and numeric agree within rtol or the error bars, and the bars are narrow enough to tell
//   fail       they differ by more than that
//   unchecked  nobody can tell: the bars are too wide (noise), the entry is at a kink, values are not finite, or the
//              function gives other bits when it is called again. Never counted as pass.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

enum class Verdict { pass, fail, unchecked };

// Why something is unchecked.
enum class Reason {
  none,
  tiny,              // excused by atol: too small to be seen, and to matter beside the largest gradient
  noise,             // the error bar is wider than `resolution` of the value
  kink,              // a branch (the sign in ReLU, the place of a maximum) changes however small the step
  non_finite,        // the function is not finite around the entry
  nondeterministic,  // the same inputs gave other bits
};
const char* name_of(Verdict verdict);
const char* name_of(Reason reason);

// The names are those of torch.autograd.gradcheck where they mean the same.
struct GradcheckOptions {
  // The first step, as a part of max(|x|, root mean square of the tensor). It is shortened and enlarged as needed.
  double eps = 1.0 / 64;
  // Agreement: |analytic - numeric| <= rtol * max(|analytic|, |numeric|) + error_bars * bar. A bar is about 1e-13 of
  // the gradient, so rtol only has to cover the rounding of the analytic gradient: torch's 1e-3 hides a factor
  // of 1.0009.
  double rtol = 1e-8;
  // Excuses, never certifies: what differs by less than atol, or by less than 1e-10 of the largest gradient, is
  // unchecked (tiny). In the units of an output's change by an input's: cotangents are of size 1. A hundred times as
  // much in gradgradcheck.
  double atol = 1e-12;
  double error_bars = 8;     // how many bars a right gradient may be off
  double resolution = 1e-6;  // pass needs error_bars * bar within this part of the value
  // Random directions through all inputs at once, instead of entry by entry: seconds for whole models. When a direction
  // disagrees, the tensors are checked one by one, and the wrong ones entry by entry.
  bool fast_mode = false;
  int directions = 4;
  int64_t max_entries = 0;    // of each tensor, drawn at random, where it goes entry by entry; 0: all
  uint64_t seed = 0;          // of cotangents, directions and draws
  bool allow_unused = false;  // an input that no path joins to the outputs is no error
};

// One entry, with what was found.
struct EntryCheck {
  std::vector<int64_t> index;
  double analytic = 0, numeric = 0, error_bar = 0;
  Verdict verdict = Verdict::unchecked;
  Reason reason = Reason::none;
  std::string kink;  // the op whose branch changes

  double relative_error() const;  // |analytic - numeric| / max of both; 0 if both are 0
};

// What was found for one tensor. Errors are those of entries that were not unchecked.
struct GradcheckRow {
  std::string name;
  Shape shape;
  Verdict verdict = Verdict::unchecked;
  Reason reason = Reason::none;  // of a row that is unchecked: the commonest
  int64_t entries_checked = 0;   // differences were taken for so many entries; 0: by directions alone
  int64_t passed = 0, failed = 0, tiny = 0, noisy = 0, kinks = 0, non_finite = 0;
  std::string kink;  // the op of the first entry at a kink
  double worst_relative_error = 0, mean_relative_error = 0;
  double cosine = 1;      // between the two gradients, over the same entries
  EntryCheck worst;       // the failed entry that is most off; if none failed, the worst of the others
  std::string diagnosis;  // what the pattern of a failure suggests
  // By directions: the chance that an error of 1 % in one entry of average size would not have been seen.
  double chance_of_missing = 0;

  int64_t unchecked() const { return tiny + noisy + kinks + non_finite; }
};

// A random direction v through all inputs: <gradient, v> against the derivative along v.
struct DirectionCheck {
  double analytic = 0, numeric = 0, error_bar = 0;
  Verdict verdict = Verdict::unchecked;
  Reason reason = Reason::none;
  std::string kink;
};

// An equation that holds exactly, but for rounding: `error` is the difference of its sides over their scale.
struct IdentityCheck {
  std::string name;
  Verdict verdict = Verdict::unchecked;
  double error = 0, tolerance = 0;
  std::string note;  // why it is unchecked
};

// What the graph itself says, before any number.
struct Finding {
  enum Kind { no_path, zero_gradient, unused_output, cut } kind;
  std::string name;  // of the tensor or op
  std::string text;
};

struct GradcheckResult {
  std::vector<GradcheckRow> rows;
  std::vector<DirectionCheck> directions;
  std::vector<IdentityCheck> identities;
  std::vector<Finding> findings;
  bool deterministic = true;   // the same bits twice, and with one thread
  bool low_precision = false;  // float32 took part: float64 resolves what is unchecked as noise

  // fail if anything failed; pass if every tensor passed or is excused, and at least one passed; otherwise unchecked.
  Verdict verdict() const;
  bool ok() const { return verdict() == Verdict::pass; }
};
std::ostream& operator<<(std::ostream& out, const GradcheckResult& result);

using TensorFunction = std::function<TensorList(const TensorList&)>;

// Checks the gradients of the sum over the outputs of <output, random cotangent> with respect to every input: leaves,
// which the function reads from its argument or has in its reach (a layer's parameters). float64 proves; of float32
// much is unchecked. The inputs are changed and restored. Also: the graph is audited; value and gradient must have the
// same bits twice, and with one thread; and <Jv, u> = <v, J'u>, with J' from the ops' kernels and J from their
// references, to 1e-12 of |Jv| |u|. An Error if an input is no leaf.
GradcheckResult gradcheck(const TensorFunction& function, const TensorList& inputs,
                          const GradcheckOptions& options = {});

// The same for the gradients themselves, as functions of the inputs and of the cotangents: the gradient of the gradient
// (and so, by directions, Hessian-vector products) against differences of first gradients. The identity is the symmetry
// of the Hessian, u'Hv = v'Hu.
GradcheckResult gradgradcheck(const TensorFunction& function, const TensorList& inputs,
                              const GradcheckOptions& options = {});

// What the graph of a function says without any difference: inputs that no path joins to an output, gradients that are
// exactly zero (all of them, or over half of the rows in one piece), outputs of ops that nothing uses, and what
// detach() or NoRecording cut off.
std::vector<Finding> audit(const TensorFunction& function, const TensorList& inputs);

}  // namespace transformlet
