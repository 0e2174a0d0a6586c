// Spectra by LAPACK, in float64. Those of matrices (rows, columns) are of any dtype; each matrix is a thread's own, so
// the numbers are the same with any number of threads. Of a matrix that is not finite all are NaN.
#pragma once

#include <complex>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

// Of each matrix min(rows, columns), the largest first: a bidiagonal matrix, by divide and conquer (LAPACK's gesdd).
std::vector<std::vector<double>> singular_values(const TensorList& matrices);

// exp of the entropy of the values' shares of their sum (Roy and Vetterli 2007, "The effective rank"); NaN if all are
// 0.
double effective_rank(const std::vector<double>& singular_values);

// Of each square matrix, in no particular order: a Hessenberg matrix, by QR (LAPACK's geev).
std::vector<std::vector<std::complex<double>>> eigenvalues(const TensorList& matrices);

// Of a symmetric tridiagonal matrix, whose side diagonal is one shorter than its diagonal (LAPACK's stev).
struct Eigenvectors {
  std::vector<double> values;   // ascending
  std::vector<double> vectors;  // of length 1, one behind the other
};
// An Error if they do not converge.
Eigenvectors tridiagonal_eigenvectors(std::vector<double> diagonal, std::vector<double> side);

}  // namespace transformlet
