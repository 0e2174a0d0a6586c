// Equations between derivatives that hold exactly: no differences, no steps.
#pragma once

#include "autograd/gradcheck/problem.h"

namespace transformlet::checking {

// `epsilon`: of the least precise dtype that takes part.

// <Jv, u> = <v, J'u>: J'u is the gradient, made by the ops' vjps and kernels; Jv comes from transposing the
// differentiable gradient, which is made from the ops' references. `gradient`: J'u.
IdentityCheck adjoint_identity(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               double epsilon, uint64_t seed);

// u'Hv = v'Hu, with H the second derivatives of sum <output, cotangent>.
IdentityCheck hessian_symmetry(const TensorFunction& function, const TensorList& inputs, const TensorList& cotangents,
                               double epsilon, uint64_t seed);

}  // namespace transformlet::checking
