// Orthogonalises a matrix, for Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon).
#pragma once

#include "autograd/tensor.h"

namespace transformlet {

// For a matrix U S V' (rows, columns), about U V': five steps of
//   X <- 3.4445 X - 4.7750 (X X') X + 2.0315 (X X')^2 X        from X = matrix / (its Frobenius norm + 1e-7).
// The coefficients make small singular values grow as fast as can be; they all end near 1, between about 0.7 and 1.2,
// but for those that were next to nothing beside the largest. A constant, of the matrix's dtype; the same bits on any
// number of threads. Zeros give zeros, NaN gives NaN.
Tensor newton_schulz(const Tensor& matrix);

}  // namespace transformlet
