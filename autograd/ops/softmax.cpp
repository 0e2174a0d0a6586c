// Fused: softmax and its logarithm.
#include "autograd/kernels/softmax.h"

#include "autograd/catalogue.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// The largest of each row is taken out as a constant: it changes no value and no derivative, and nothing overflows.
Tensor shifted(const Tensor& x) { return x - max(constant(x), -1, true); }

void require_columns(const char* op, const Tensor& x) {
  require(x.rank() >= 1 && x.columns() > 0, "{}: {} has no last axis with elements", op, x);
}

}  // namespace

Tensor softmax(const Tensor& x) {
  require_columns("softmax", x);
  const int64_t rows = x.rows(), columns = x.columns();
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { kernels::softmax<T>().softmax(rows, columns, x.data<T>(), y.data<T>()); });
  auto vjp = [rows, columns](const Backward& backward) -> TensorList {
    const Tensor &y = backward.outputs[0], &dy = backward.dy();
    Tensor dx = empty_like(y);
    with_dtype(y.dtype(), [&]<class T>() {
      kernels::softmax<T>().softmax_backward(rows, columns, dy.data<T>(), y.data<T>(), dx.data<T>());
    });
    return {dx};
  };
  auto reference = [](const TensorList& in) -> TensorList {
    const Tensor e = exp(shifted(in[0]));
    return {e / sum(e, {-1}, true)};
  };
  return record(
      {.op = "softmax", .inputs = {x}, .outputs = {y}, .vjp = vjp, .reference = reference, .keeps_output = true});
}

Tensor log_softmax(const Tensor& x) {
  require_columns("log_softmax", x);
  const int64_t rows = x.rows(), columns = x.columns();
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { kernels::softmax<T>().log_softmax(rows, columns, x.data<T>(), y.data<T>()); });
  auto vjp = [rows, columns](const Backward& backward) -> TensorList {
    const Tensor &y = backward.outputs[0], &dy = backward.dy();
    Tensor dx = empty_like(y);
    with_dtype(y.dtype(), [&]<class T>() {
      kernels::softmax<T>().log_softmax_backward(rows, columns, dy.data<T>(), y.data<T>(), dx.data<T>());
    });
    return {dx};
  };
  auto reference = [](const TensorList& in) -> TensorList {
    const Tensor z = shifted(in[0]);
    return {z - log(sum(exp(z), {-1}, true))};
  };
  return record(
      {.op = "log_softmax", .inputs = {x}, .outputs = {y}, .vjp = vjp, .reference = reference, .keeps_output = true});
}

namespace {

std::vector<OpSample> row_samples(const std::string& op, const OpSample::Call& call) {
  return {
      {.name = "matrix", .inputs = {{3, 5}}, .call = call},
      {.name = "batched", .inputs = {{2, 3, 4}}, .call = call},
      {.name = "one_column", .inputs = {{3, 1}}, .call = call},
      {.name = "vector", .inputs = {{6}}, .call = call},
      {.name = "large", .inputs = {{3, 5}}, .call = [call](const TensorList& in) { return call({in[0] * 20.0}); }},
      {.name = "parallel", .inputs = {{70, 33}}, .call = call},
      {.name = "bad_empty", .inputs = {{3, 0}}, .call = call, .error = op + ": (3, 0) has no last axis with elements"}};
}
const OpSamples softmax_samples("softmax", row_samples("softmax", [](const TensorList& in) { return softmax(in[0]); }));
const OpSamples log_softmax_samples("log_softmax", row_samples("log_softmax", [](const TensorList& in) {
                                      return log_softmax(in[0]);
                                    }));

}  // namespace
}  // namespace transformlet
