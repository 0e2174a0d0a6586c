// The directions in which rows of a matrix differ most (Pearson 1901): eigenvectors of their covariance, by LAPACK, in
// float64. Cost: the product of the matrix with itself, and 4/3 n^3 operations for its smaller side n.
#pragma once

#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

struct PrincipalComponents {
  std::vector<double> coordinates;  // (rows, 2): of the rows less their mean, along the first two directions
  std::vector<double> explained;    // 2: the share of the variance along each; 0 where all rows are equal
};

// Of a matrix (rows, columns), each at least 2. A direction's sign is such that the coordinate of greatest size is
// above 0. An Error if a number is not finite.
PrincipalComponents principal_components(const Tensor& matrix);

}  // namespace transformlet
