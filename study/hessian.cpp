#include "study/hessian.h"

#include "autograd/graph.h"

namespace transformlet {

Hessian::Hessian(std::vector<std::function<Tensor()>> loss_parts, TensorList parameters)
    : loss_parts_(std::move(loss_parts)), parameters_(std::move(parameters)) {
  for (const Tensor& parameter : parameters_) size_ += parameter.size();
}

TensorList Hessian::differentiable_gradient(const std::function<Tensor()>& part) const {
  const HigherOrder guard;
  return grad(part(), parameters_, {.differentiable = true});
}

std::vector<double> Hessian::times(const std::vector<double>& v) const {
  const TensorList direction = cut_like(parameters_, v);
  std::vector<double> result(v.size());
  for (const auto& part : loss_parts_) {
    const bool keep = loss_parts_.size() == 1;
    TensorList gradient = kept_.empty() ? differentiable_gradient(part) : kept_;
    if (keep) kept_ = gradient;
    const std::vector<double> product =
        flattened(grad(gradient, parameters_, {.seeds = direction, .keep_graph = keep}));
    for (size_t i = 0; i < result.size(); ++i) result[i] += product[i];
  }
  return result;
}

TensorList cut_like(const TensorList& shapes, const std::vector<double>& values) {
  TensorList result;
  auto from = values.begin();
  for (const Tensor& like : shapes) {
    require(values.end() - from >= like.size(), "a vector of {} values is too short for {}", values.size(), like);
    result.push_back(tensor({from, from + like.size()}, like.shape(), like.dtype()));
    from += like.size();
  }
  require(from == values.end(), "a vector of {} values has {} too many", values.size(), values.end() - from);
  return result;
}

std::vector<double> flattened(const TensorList& tensors) {
  std::vector<double> result;
  for (const Tensor& x : tensors) {
    const std::vector<double> values = x.to_vector();
    result.insert(result.end(), values.begin(), values.end());
  }
  return result;
}

}  // namespace transformlet
