#include "autograd/gradcheck/identities.h"

#include <cmath>

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

// The sides of an equation, as far apart as their scale and the tolerance allow; not if an op can't be differentiated
// twice.
template <class Sides>
IdentityCheck compare(const char* name, double tolerance, const Sides& sides) {
  IdentityCheck check{.name = name, .tolerance = tolerance, .note = ""};
  try {
    const auto [left, right, scale, rounding] = sides();
    if (!std::isfinite(left) || !std::isfinite(right)) {
      check.note = "not finite";
      return check;
    }
    const double difference = std::abs(left - right);
    check.error = difference == 0 ? 0 : difference / scale;
    if (check.error <= tolerance) {
      check.verdict = Verdict::pass;
    } else if (difference <= rounding * tolerance) {
      check.note = "derivatives so small beside the inputs are rounding";
    } else {
      check.verdict = Verdict::fail;
    }
  } catch (const Error& error) {
    check.note = error.what();
  }
  return check;
}

// `rounding`: a scale at which cancellation inside a saturated function shows, as in a softmax that is 1 in one place.
struct Sides {
  double left, right, scale, rounding;
};

}  // namespace

IdentityCheck adjoint_identity(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               const TensorList& gradient, double epsilon, uint64_t seed) {
  return compare("<Jv, u> = <v, J'u>", tolerance(epsilon), [&]() -> Sides {
    const HigherOrder guard;
    const TensorList outputs = function(inputs);
    TensorList u;
    for (const Tensor& cotangent : cotangents) u.push_back(leaf(copy(cotangent)));
    const TensorList g = grad(outputs, inputs, {.seeds = u, .differentiable = true});
    const TensorList v = random_like(inputs, RandomKey(seed) / "adjoint");
    const TensorList jv = transposed(g, u, v);
    return {dot(jv, cotangents), dot(v, gradient), norm(jv) * norm(cotangents), 1e-3 * norm(v) * norm(cotangents)};
  });
}

IdentityCheck hessian_symmetry(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               double epsilon, uint64_t seed) {
  return compare("u'Hv = v'Hu", 100 * tolerance(epsilon), [&]() -> Sides {
    const HigherOrder guard;
    const TensorList outputs = function(inputs);
    const TensorList g = grad(outputs, inputs, {.seeds = cotangents, .differentiable = true});
    const TensorList u = random_like(inputs, RandomKey(seed) / "hessian" / 0),
                     v = random_like(inputs, RandomKey(seed) / "hessian" / 1);
    const TensorList hv = transposed(g, inputs, v), hu = transposed(g, inputs, u);
    return {dot(u, hv), dot(v, hu), norm(u) * norm(hv) + norm(v) * norm(hu), 1e-3 * norm(u) * norm(v)};
  });
}

}  // namespace transformlet::checking
