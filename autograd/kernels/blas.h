// The linked BLAS, where it is faster than kernels of our own: large products, if it has kernels for vectors as wide as
// this machine's. (OpenBLAS chooses its kernels by a list of processors; one that it does not know, or that
// OPENBLAS_CORETYPE pins to an older kind, gets narrower ones.)
#pragma once

#include <string>

#include "autograd/kernels/matmul.h"

namespace transformlet::kernels {

template <class T>
bool blas_is_faster(const Product<T>& product);

// Cut over its outputs at places that depend on its size alone, and every part is one single-threaded call: OpenBLAS's
// own threading changes the bits.
template <class T>
void blas_product(const Product<T>& product);

// What the linked BLAS says of itself; an Error if it is an OpenBLAS built with threads of its own.
const char* blas_description();
// The kind of processor that OpenBLAS has chosen kernels for ("SkylakeX"); empty: another BLAS.
std::string blas_core();

}  // namespace transformlet::kernels
