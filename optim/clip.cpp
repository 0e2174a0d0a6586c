#include "optim/clip.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/optimizer.h"
#include "autograd/kernels/reduce.h"

namespace transformlet {

static void require_all_defined(const char* function, const TensorList& gradients) {
  for (size_t i = 0; i < gradients.size(); ++i)
    require(gradients[i].defined(), "{}: gradient number {} is undefined", function, i);
}

double global_norm(const TensorList& gradients) {
  require_all_defined("global_norm", gradients);
  double squares = 0;
  for (const Tensor& gradient : gradients) {
    squares += with_dtype(gradient.dtype(), [&]<class T>() {
      return kernels::reduce<T>().sum_of_squares(gradient.size(), gradient.data<T>());
    });
  }
  return std::sqrt(squares);
}

double clip_scale(double norm, std::optional<double> max_norm) {
  require(std::isfinite(norm), "clip_scale: the norm of the gradients is {}", norm);
  return max_norm ? std::min(1.0, *max_norm / (norm + 1e-6)) : 1.0;
}

TensorList clip_by_value(const TensorList& gradients, double max_value) {
  require_all_defined("clip_by_value", gradients);
  TensorList clipped;
  for (const Tensor& gradient : gradients) {
    Tensor& result = clipped.emplace_back(empty_like(gradient));
    with_dtype(gradient.dtype(), [&]<class T>() {
      kernels::optimizer<T>().clamp(gradient.size(), max_value, gradient.data<T>(), result.data<T>());
    });
  }
  return clipped;
}

}  // namespace transformlet
