// H v without forming H, the second derivatives of a loss, exactly: the gradient of <gradient, v> (Pearlmutter 1994).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

// Of a loss in parts that add up to it (ProbeView::loss_parts), over these parameters, as one long vector in their
// order. A product costs a forward pass and, counting the one through the gradient's own graph as two, three backward
// passes; of a loss in one part, the graph is kept, and from the second product on only the last is left. Products are
// computed in the parameters' dtype.
class Hessian {
 public:
  Hessian(std::vector<std::function<Tensor()>> loss_parts, TensorList parameters);

  int64_t size() const { return size_; }  // how many numbers the parameters are
  std::vector<double> times(const std::vector<double>& v) const;

 private:
  TensorList differentiable_gradient(const std::function<Tensor()>& part) const;

  std::vector<std::function<Tensor()>> loss_parts_;
  TensorList parameters_;
  int64_t size_ = 0;
  mutable TensorList kept_;  // the gradient of the only part, with its graph
};

// Tensors like these, cut from one long vector; and back.
TensorList cut_like(const TensorList& shapes, const std::vector<double>& values);
std::vector<double> flattened(const TensorList& tensors);

}  // namespace transformlet
