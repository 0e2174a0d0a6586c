#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "autograd/gradcheck/directions.h"
#include "autograd/gradcheck/identities.h"
#include "autograd/graph.h"
#include "autograd/kernels/threads.h"
#include "autograd/node.h"

namespace transformlet {
namespace {

using namespace checking;

bool same_bits(const TensorList& a, const TensorList& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t bytes = static_cast<size_t>(a[i].size()) * size_of(a[i].dtype());
    if (bytes > 0 && std::memcmp(a[i].body().buffer->data, b[i].body().buffer->data, bytes) != 0) return false;
  }
  return true;
}

bool same_bits(const Point& a, const Point& b) {
  return a.values.size() == b.values.size() &&
         (a.values.empty() || std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)) == 0);
}

// The same value and gradient when it is computed again, with as many threads and with one (or two, if there is one).
bool is_deterministic(const Problem& problem, const Point& base, const TensorList& gradient) {
  const auto same = [&] { return same_bits(problem.evaluate(), base) && same_bits(problem.gradient(), gradient); };
  if (!same()) return false;
  const kernels::ThreadsAre others(kernels::threads() == 1 ? 2 : 1);
  return same();
}

double largest_of(const TensorList& tensors) {
  double largest = 0;
  for (const Tensor& x : tensors) {
    for (int64_t i = 0; i < x.size(); ++i) {
      const double value = std::abs(value_at(x, i));
      if (std::isfinite(value)) largest = std::max(largest, value);
    }
  }
  return largest;
}

// Nothing can be said of a function that gives another value each time.
void all_unchecked(const Problem& problem, GradcheckResult& result) {
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    GradcheckRow row;
    row.name = name_of_input(problem.inputs, i);
    row.shape = problem.inputs[i].shape();
    row.reason = Reason::nondeterministic;
    result.rows.push_back(std::move(row));
  }
}

// An input without a path to the outputs is an error, whatever the differences say.
void fail_unused(const Problem& problem, GradcheckResult& result) {
  const std::vector<bool> joined = problem.joined();
  for (size_t i = 0; i < joined.size(); ++i) {
    if (joined[i]) continue;
    result.rows[i].verdict = Verdict::fail;
    result.rows[i].reason = Reason::none;
    result.rows[i].diagnosis = "no path joins it to the output, so it never gets a gradient";
  }
}

void run(const Problem& problem, const GradcheckOptions& options, GradcheckResult& result) {
  result.low_precision = problem.epsilon > 1e-12;
  const TensorList gradient = problem.gradient();
  const Differences differences(problem, options);
  result.deterministic = is_deterministic(problem, differences.base(), gradient);
  if (!result.deterministic) {
    all_unchecked(problem, result);
    return;
  }
  const Check check{problem, options, differences, gradient, largest_of(gradient)};
  if (options.fast_mode) {
    check_directions(check, result);
  } else {
    for (size_t i = 0; i < problem.inputs.size(); ++i) result.rows.push_back(check_entries(check, i));
  }
  if (!options.allow_unused) fail_unused(problem, result);
}

}  // namespace

GradcheckResult gradcheck(const TensorFunction& function, const TensorList& inputs, const GradcheckOptions& options) {
  require_leaves("gradcheck", inputs);
  const RecordingIs on(true);
  GradcheckResult result;
  result.findings = audit(function, inputs);
  Problem problem;
  problem.inputs = inputs;
  problem.differentiable = [&] { return function(inputs); };
  problem.value = [&]() -> Evaluated {
    const TensorList outputs = function(inputs);
    return {outputs, outputs};
  };
  {
    const TensorList outputs = problem.value().outputs;
    problem.cotangents = random_cotangents(outputs, options.seed);
    problem.epsilon = epsilon_of(outputs, inputs);
  }
  run(problem, options, result);
  if (result.deterministic) {
    result.identities.push_back(adjoint_identity(function, inputs, problem.cotangents, problem.epsilon, options.seed));
  }
  return result;
}

GradcheckResult gradgradcheck(const TensorFunction& function, const TensorList& inputs,
                              const GradcheckOptions& options) {
  require_leaves("gradgradcheck", inputs);
  const RecordingIs on(true);
  GradcheckResult result;
  Problem problem;
  TensorList seeds;
  {
    const TensorList outputs = function(inputs);
    for (const Tensor& cotangent : random_cotangents(outputs, options.seed + 1)) {
      seeds.push_back(leaf(cotangent, fmt::format("cotangent {}", seeds.size())));
    }
    problem.epsilon = epsilon_of(outputs, inputs);
  }
  problem.inputs = inputs;
  problem.inputs.insert(problem.inputs.end(), seeds.begin(), seeds.end());
  // Differences of the gradients that training uses, made by the fast kernels; their branches are the function's.
  problem.value = [&]() -> Evaluated {
    const TensorList ys = function(inputs);
    return {grad(ys, inputs, {.seeds = seeds, .keep_graph = true}), ys};
  };
  problem.differentiable = [&] {
    const HigherOrder guard;
    return grad(function(inputs), inputs, {.seeds = seeds, .differentiable = true});
  };
  problem.cotangents = random_cotangents(inputs, options.seed);
  GradcheckOptions own = options;
  own.allow_unused = true;  // gradients of linear functions don't depend on their inputs
  // Rounding inside a saturated function (softmax of large logits) grows with each derivative: what is excused, too.
  own.atol = 100 * options.atol;
  run(problem, own, result);
  if (result.deterministic)
    result.identities.push_back(hessian_symmetry(function, inputs, seeds, problem.epsilon, options.seed));
  return result;
}

}  // namespace transformlet
