#include "study/lanczos.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "study/linear_algebra.h"

namespace transformlet {
namespace {

using Vector = std::vector<double>;

double inner_product(const Vector& a, const Vector& b) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double norm(const Vector& a) { return std::sqrt(inner_product(a, a)); }

void add(Vector& to, double scale, const Vector& x) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += scale * x[i];
}

// Twice is enough (Parlett 1998, section 6.9).
void make_orthogonal(Vector& x, const std::vector<Vector>& to) {
  for (int time = 0; time < 2; ++time) {
    for (const Vector& other : to) add(x, -inner_product(x, other), other);
  }
}

Vector scaled(Vector x, double scale) {
  for (double& value : x) value *= scale;
  return x;
}

Vector random_direction(int64_t size, RandomStream& stream, const std::vector<Vector>& orthogonal_to) {
  Vector result(static_cast<size_t>(size));
  for (double& value : result) value = stream.normal();
  make_orthogonal(result, orthogonal_to);
  return scaled(result, 1 / norm(result));
}

// Of the tridiagonal matrix T: the largest eigenvalues, and for each |beta y_n|, where y_n is the last entry of its
// vector and beta what follows the last entry of the side diagonal.
Eigenvalues largest_of_tridiagonal(Vector diagonal, Vector side, double beta, int64_t count) {
  const size_t size = diagonal.size();
  const auto [values, vectors] = tridiagonal_eigenvectors(std::move(diagonal), std::move(side));
  Eigenvalues result;
  for (size_t i = size;
       i-- > 0 && static_cast<int64_t>(result.values.size()) < count;) {  // they are in ascending order
    result.values.push_back(values[i]);
    result.residuals.push_back(std::abs(beta * vectors[i * size + size - 1]));
  }
  result.iterations = static_cast<int64_t>(size);
  return result;
}

}  // namespace

Eigenvalues largest_eigenvalues(const SymmetricMap& map, int64_t size, const LanczosOptions& options, RandomKey key) {
  RandomStream stream(key);
  std::vector<Vector> basis;
  Vector diagonal, side;
  Eigenvalues result;
  const int64_t most = std::min(options.iterations, size);
  Vector q = random_direction(size, stream, basis);
  double scale = 0;  // of the matrix
  while (static_cast<int64_t>(basis.size()) < most) {
    Vector next = map(q);
    diagonal.push_back(inner_product(q, next));
    basis.push_back(std::move(q));
    require(std::isfinite(diagonal.back()), "lanczos: the product with vector {} is not finite", basis.size());
    make_orthogonal(next, basis);
    double beta = norm(next);
    scale = std::max({scale, std::abs(diagonal.back()), beta});
    const bool is_invariant = beta <= 1e-13 * scale;  // what is left is rounding
    if (is_invariant) beta = 0;
    const bool is_last = static_cast<int64_t>(basis.size()) == most;
    if (is_last || (!is_invariant && static_cast<int64_t>(basis.size()) >= options.count)) {
      result = largest_of_tridiagonal(diagonal, side, beta, options.count);
      const double largest = std::max(std::abs(result.values.front()), std::abs(result.values.back()));
      if (std::ranges::max(result.residuals) <= options.tolerance * largest) break;
    }
    if (is_last) break;
    side.push_back(beta);
    q = is_invariant ? random_direction(size, stream, basis) : scaled(next, 1 / beta);
  }
  return result;
}

Trace estimated_trace(const SymmetricMap& map, int64_t size, int64_t samples, RandomKey key) {
  require(samples >= 2, "trace: {} samples; an error can be told from 2 on", samples);
  double sum = 0, squares = 0;  // of the distances from the first sample: for a small spread of large values
  double first = 0;
  for (int64_t sample = 0; sample < samples; ++sample) {
    RandomStream stream(key / sample);
    Vector signs(static_cast<size_t>(size));
    for (double& sign : signs) sign = (stream.bits() & 1U) != 0 ? 1 : -1;
    const double value = inner_product(signs, map(signs));
    if (sample == 0) first = value;
    sum += value - first;
    squares += (value - first) * (value - first);
  }
  const auto n = static_cast<double>(samples);
  const double variance = std::max(0.0, squares - sum * sum / n) / (n - 1);
  return {first + sum / n, std::sqrt(variance / n)};
}

}  // namespace transformlet
