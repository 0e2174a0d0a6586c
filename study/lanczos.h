// The spectrum of a symmetric matrix that is known by its products with vectors alone, in double precision.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.h"

namespace transformlet {

using SymmetricMap = std::function<std::vector<double>(const std::vector<double>&)>;

struct Eigenvalues {
  std::vector<double> values;     // the largest first
  std::vector<double> residuals;  // |A y - value y| for its unit vector y: an eigenvalue of A lies so near (Parlett
                                  // 1998, The Symmetric Eigenvalue Problem, section 4.5)
  int64_t iterations = 0;         // products that it took
};

struct LanczosOptions {
  int64_t count = 1;  // eigenvalues that are wanted; fewer come back of a smaller matrix, or after fewer iterations
  int64_t iterations = 64;  // products, at most; as many vectors are kept
  // Stops when each residual is below this share of the largest value's size. An error of a value is about the
  // residual's square over its distance to the others, so far below this.
  double tolerance = 1e-3;
};

// The largest eigenvalues (not the largest by size) of a map of so many dimensions, by Lanczos's method from a random
// vector, made orthogonal to all vectors before, twice (Parlett 1998, chapter 13). Where the vectors span an invariant
// space, it goes on with a new random one, so that an eigenvalue that stands several times is found so often at the
// latest when there are as many iterations as dimensions; before, it may be found once.
Eigenvalues largest_eigenvalues(const SymmetricMap& map, int64_t size, const LanczosOptions& options, RandomKey key);

struct Trace {
  double value = 0, standard_error = 0;
};

// The mean of z' A z over vectors z of random signs (Hutchinson 1990): without bias; exact for a diagonal matrix. Its
// standard error is measured on the samples themselves: at least 2.
Trace estimated_trace(const SymmetricMap& map, int64_t size, int64_t samples, RandomKey key);

}  // namespace transformlet
