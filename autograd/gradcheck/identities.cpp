#include "autograd/gradcheck/identities.h"

#include <cmath>

#include "autograd/gradcheck/differences.h"
#include "autograd/graph.h"
#include "base/random.h"

namespace transformlet::checking {
namespace {

double dot(const TensorList& x, const TensorList& y) {
  double total = 0, compensation = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    for (int64_t j = 0; j < x[i].size(); ++j) {
      const double term = value_at(x[i], j) * value_at(y[i], j) - compensation, next = total + term;
      compensation = (next - total) - term;
      total = next;
    }
  }
  return total;
}

double norm(const TensorList& x) { return std::sqrt(dot(x, x)); }

TensorList random_like(const TensorList& tensors, RandomKey key) {
  TensorList result;
  for (size_t i = 0; i < tensors.size(); ++i) {
    RandomStream stream(key / static_cast<int64_t>(i));
    std::vector<double> values(static_cast<size_t>(tensors[i].size()));
    for (double& value : values) value = stream.normal();
    result.push_back(tensor(values, tensors[i].shape(), tensors[i].dtype()));
  }
  return result;
}

// The Jacobian of the gradients, transposed once more, on seeds: d <gradients, seeds> / d targets.
TensorList transposed(const TensorList& gradients, const TensorList& targets, const TensorList& seeds) {
  return grad(gradients, targets, {.seeds = seeds, .keep_graph = true});
}

// Rounding of two sums of products, over paths that differ: 1e-12 in float64, and as many times epsilon elsewhere.
double tolerance(double epsilon) { return epsilon > 1e-12 ? 1e-3 : 1e-12; }

// `rounding`: a scale at which cancellation inside a saturated function shows, as in a softmax that is 1 in one place.
struct Sides {
  double left, right, scale, rounding;
};
using Equation = std::function<Sides()>;

// Displaces every entry by t of its own size.
Displacement relative_displacement(const TensorList& inputs, RandomKey key) {
  TensorList before;
  for (const Tensor& x : inputs) before.push_back(copy(x));
  return [inputs, before, directions = random_like(inputs, key)](double t) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      set_values(inputs[i], [&](int64_t j) {
        const double value = value_at(before[i], j);
        return t == 0 ? value : value * (1 + t * value_at(directions[i], j));
      });
    }
    return t;
  };
}

// How much the sides change with the last bits of the inputs: so much of them is rounding.
double wobble(const Equation& equation, const Sides& sides, const TensorList& inputs, double epsilon, RandomKey key) {
  double most = 0;
  for (int k = 0; k < 3; ++k) {
    const Displacement move = relative_displacement(inputs, key / k);
    const Restoring at_end(move);
    move(2 * epsilon);
    const auto [left, right, scale, rounding] = equation();
    for (const double apart : {std::abs(left - sides.left), std::abs(right - sides.right)}) {
      if (std::isfinite(apart)) most = std::max(most, apart);
    }
  }
  return most;
}

// The sides of an equation, as far apart as their scale and the tolerance allow; not if an op can't be differentiated
// twice.
IdentityCheck compare(const char* name, double tolerance, const TensorList& inputs, double epsilon, RandomKey key,
                      const Equation& equation) {
  IdentityCheck check{.name = name, .tolerance = tolerance, .note = ""};
  try {
    const Sides sides = equation();
    if (!std::isfinite(sides.left) || !std::isfinite(sides.right)) {
      check.note = "not finite";
      return check;
    }
    const double difference = std::abs(sides.left - sides.right);
    check.error = difference == 0 ? 0 : difference / sides.scale;
    if (check.error <= tolerance) {
      check.verdict = Verdict::pass;
    } else if (difference <= sides.rounding * tolerance) {
      check.note = "derivatives so small beside the inputs are rounding";
    } else if (difference <= 16 * wobble(equation, sides, inputs, epsilon, key)) {
      check.note = "the last bits of the inputs change it as much";
    } else {
      check.verdict = Verdict::fail;
    }
  } catch (const Error& error) {
    check.note = error.what();
  }
  return check;
}

}  // namespace

IdentityCheck adjoint_identity(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               double epsilon, uint64_t seed) {
  const RandomKey key = RandomKey(seed) / "adjoint";
  const TensorList v = random_like(inputs, key);
  return compare("<Jv, u> = <v, J'u>", tolerance(epsilon), inputs, epsilon, key / "wobble", [&]() -> Sides {
    const HigherOrder guard;
    const TensorList outputs = function(inputs);
    const TensorList gradient = grad(outputs, inputs, {.seeds = cotangents, .keep_graph = true});
    TensorList u;
    for (const Tensor& cotangent : cotangents) u.push_back(leaf(copy(cotangent)));
    const TensorList g = grad(outputs, inputs, {.seeds = u, .differentiable = true});
    const TensorList jv = transposed(g, u, v);
    return {dot(jv, cotangents), dot(v, gradient), norm(jv) * norm(cotangents), 1e-3 * norm(v) * norm(cotangents)};
  });
}

IdentityCheck hessian_symmetry(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               double epsilon, uint64_t seed) {
  const RandomKey key = RandomKey(seed) / "hessian";
  const TensorList u = random_like(inputs, key / 0), v = random_like(inputs, key / 1);
  return compare("u'Hv = v'Hu", 100 * tolerance(epsilon), inputs, epsilon, key / "wobble", [&]() -> Sides {
    const HigherOrder guard;
    const TensorList outputs = function(inputs);
    const TensorList g = grad(outputs, inputs, {.seeds = cotangents, .differentiable = true});
    const TensorList hv = transposed(g, inputs, v), hu = transposed(g, inputs, u);
    return {dot(u, hv), dot(v, hu), norm(u) * norm(hv) + norm(v) * norm(hu), 1e-3 * norm(u) * norm(v)};
  });
}

}  // namespace transformlet::checking
