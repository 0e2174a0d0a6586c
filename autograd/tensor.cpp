#include "autograd/tensor.h"

#include <algorithm>
#include <cstring>

#include "autograd/graph.h"
#include "autograd/observer.h"

namespace transformlet {

double Tensor::item() const {
  require(size() == 1, "item: a tensor of shape {} has {} elements, not one", *this, size());
  return with_dtype(dtype(), [&]<class T>() { return static_cast<double>(data<T>()[0]); });
}

std::vector<double> Tensor::to_vector() const {
  return with_dtype(dtype(), [&]<class T>() { return std::vector<double>(data<T>(), data<T>() + size()); });
}

void Tensor::check_dtype(DType wanted) const {
  require(dtype() == wanted, "a tensor of {} was read as {}: cast it first", name_of(dtype()), name_of(wanted));
}

Tensor empty(const Shape& shape, DType dtype) {
  const int64_t size = shape.size();
  auto buffer = std::make_shared<Buffer>(static_cast<size_t>(size) * size_of(dtype));
  return Tensor(std::make_shared<Tensor::Body>(Tensor::Body{shape, size, dtype, std::move(buffer), nullptr, 0, {}}));
}

Tensor empty_like(const Tensor& x) { return empty(x.shape(), x.dtype()); }

Tensor zeros(const Shape& shape, DType dtype) {
  const Tensor x = empty(shape, dtype);
  std::memset(x.body().buffer->data, 0, static_cast<size_t>(x.size()) * size_of(dtype));  // all bits 0 is 0.0
  return x;
}

Tensor full(const Shape& shape, double value, DType dtype) {
  Tensor x = empty(shape, dtype);
  with_dtype(dtype, [&]<class T>() { std::fill_n(x.data<T>(), x.size(), static_cast<T>(value)); });
  return x;
}

Tensor tensor(const std::vector<double>& values, const Shape& shape, DType dtype) {
  require(static_cast<int64_t>(values.size()) == shape.size(), "tensor: {} values don't fill shape {}", values.size(),
          shape);
  Tensor x = empty(shape, dtype);
  with_dtype(dtype, [&]<class T>() {
    std::transform(values.begin(), values.end(), x.data<T>(), [](double value) { return static_cast<T>(value); });
  });
  return x;
}

Tensor scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor detach(const Tensor& x) {
  Tensor y = constant(x);
  if (current_observer != nullptr && x.requires_grad()) [[unlikely]]
    current_observer->detached(x, y);
  return y;
}

Tensor constant(const Tensor& x) {
  const Tensor::Body& body = x.body();
  return Tensor(
      std::make_shared<Tensor::Body>(Tensor::Body{body.shape, body.size, body.dtype, body.buffer, nullptr, 0, {}}));
}

Tensor leaf(const Tensor& x, std::string name) {
  const Tensor::Body& body = x.body();
  NodePointer node = leaf_node(x, name);
  return Tensor(std::make_shared<Tensor::Body>(
      Tensor::Body{body.shape, body.size, body.dtype, body.buffer, std::move(node), 0, std::move(name)}));
}

Tensor with_shape(const Tensor& x, const Shape& shape) {
  const Tensor::Body& body = x.body();
  require(shape.size() == body.size, "reshape: {} elements of {} don't fill {}", body.size, body.shape, shape);
  return Tensor(std::make_shared<Tensor::Body>(
      Tensor::Body{shape, body.size, body.dtype, body.buffer, body.node, body.output, {}}));
}

Tensor copy(const Tensor& x) {
  const Tensor y = empty_like(x);
  if (x.size() > 0) {
    std::memcpy(y.body().buffer->data, x.body().buffer->data, static_cast<size_t>(x.size()) * size_of(x.dtype()));
  }
  return y;
}

void mark_overwritten(const Tensor& x) {
  require(!x.requires_grad() || is_leaf(x),
          "overwrite: only leaves can be written; a tensor of shape {} was made by {}", x, op_of(x));
  ++x.body().buffer->version;
}

}  // namespace transformlet
