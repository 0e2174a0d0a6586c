// What several ops share.
#pragma once

#include <initializer_list>

#include "autograd/tensor.h"

namespace transformlet {

inline void require_same_dtype(const char* op, std::initializer_list<const Tensor*> inputs) {
  const Tensor* const first = *inputs.begin();
  for (const Tensor* const x : inputs) {
    require(x->dtype() == first->dtype(), "{}: inputs of {} and {} don't mix; cast one", op, name_of(first->dtype()),
            name_of(x->dtype()));
  }
}

}  // namespace transformlet
