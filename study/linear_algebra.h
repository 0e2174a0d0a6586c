// Spectra of matrices (rows, columns), of any dtype, by LAPACK in float64. Each matrix is a thread's own, so the
// numbers are the same with any number of threads. Of a matrix that is not finite all are NaN.
#pragma once

#include <complex>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

// Of each matrix min(rows, columns), the largest first: a bidiagonal matrix, by divide and conquer (LAPACK's gesdd).
std::vector<std::vector<double>> singular_values(const TensorList& matrices);

// Of each square matrix, in no particular order: a Hessenberg matrix, by QR (LAPACK's geev).
std::vector<std::vector<std::complex<double>>> eigenvalues(const TensorList& matrices);

}  // namespace transformlet
