// A tensor: a cheap handle to an immutable, contiguous, row-major array, and to the op that made it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autograd/dtype.h"
#include "autograd/kernels/buffer.h"
#include "autograd/shape.h"

namespace transformlet {

class Tensor;
struct Node;  // autograd/graph.h
using NodePointer = std::shared_ptr<Node>;
using TensorList = std::vector<Tensor>;

// Tensors never change once an op has returned them, but for leaves, which optimisers write through overwrite().
class Tensor {
 public:
  Tensor() = default;  // no tensor at all: defined() is false

  bool defined() const { return body_ != nullptr; }
  const Shape& shape() const { return body().shape; }
  DType dtype() const { return body().dtype; }
  int rank() const { return shape().rank(); }
  int64_t size() const { return body().size; }
  int64_t dim(int axis) const { return shape()[axis]; }
  int64_t columns() const { return rank() == 0 ? 1 : shape()[-1]; }                    // the size of the last axis
  int64_t rows() const { return rank() == 0 ? 1 : shape().first(rank() - 1).size(); }  // of all others together

  template <class T>
  const T* data() const {
    check_dtype(dtype_of<T>);
    return static_cast<const T*>(body().buffer->data);
  }
  // For an op that fills the tensor it has just made, before anyone else sees it.
  template <class T>
  T* data() {
    check_dtype(dtype_of<T>);
    return static_cast<T*>(body().buffer->data);
  }

  double item() const;                    // the value of a tensor with one element
  std::vector<double> to_vector() const;  // all values, for tests and small results

  bool requires_grad() const { return body().node != nullptr; }
  const std::string& name() const { return body().name; }

  // ---- for the engine ----
  struct Body {
    Shape shape;
    int64_t size;
    DType dtype;
    BufferPointer buffer;
    NodePointer node;  // none: a constant
    int output = 0;    // which of the node's outputs this is
    std::string name;
  };
  explicit Tensor(std::shared_ptr<Body> body) : body_(std::move(body)) {}
  Body& body() const {
    require(defined(), "a tensor was used that was never given a value");
    return *body_;
  }
  bool unshared() const { return body_.use_count() == 1 && body().buffer.use_count() == 1; }

 private:
  void check_dtype(DType wanted) const;
  std::shared_ptr<Body> body_;
};

// ---- making tensors: constants, unless said otherwise ----
Tensor empty(const Shape& shape, DType dtype);  // values undefined, until the caller writes them
Tensor empty_like(const Tensor& x);
Tensor zeros(const Shape& shape, DType dtype);
Tensor full(const Shape& shape, double value, DType dtype);
Tensor tensor(const std::vector<double>& values, const Shape& shape, DType dtype);
Tensor scalar(double value, DType dtype);

// The same values, cut off from the graph: a constant. A gradient check reports the cut.
Tensor detach(const Tensor& x);
// The same values as a new leaf that gradients can be asked for. A name appears in messages and checkpoints.
Tensor leaf(const Tensor& x, std::string name = "");
// The same values without a graph: for ops, whose own graph or vjp stands for the connection.
Tensor constant(const Tensor& x);
// The same values and graph under other dimensions of equal size, without recording: for engines and ops.
Tensor with_shape(const Tensor& x, const Shape& shape);
// A deep copy, as a constant.
Tensor copy(const Tensor& x);

// The one way to change a tensor: hands out the memory of a leaf or constant for writing. Graphs that saved the old
// values will refuse to use them.
void mark_overwritten(const Tensor& x);
template <class T>
T* overwrite(Tensor& x) {
  mark_overwritten(x);
  return x.data<T>();
}

}  // namespace transformlet

template <>
struct fmt::formatter<transformlet::Tensor> : fmt::formatter<transformlet::Shape> {
  auto format(const transformlet::Tensor& x, format_context& context) const {
    return formatter<transformlet::Shape>::format(x.shape(), context);
  }
};
