// Dropout: linear in its input, so it is its own vjp and closed under differentiation. The mask is computed again in
// the backward pass instead of being stored.
#include "autograd/kernels/dropout.h"

#include "autograd/catalogue.h"
#include "autograd/ops.h"

namespace transformlet {

Tensor dropout(const Tensor& x, double probability, const DropoutKey& key) {
  require(0.0 <= probability && probability < 1.0, "dropout: probability {} is outside [0, 1)", probability);
  if (probability == 0.0) return x;
  require(x.rank() >= 1, "dropout: {} has no axis that counts samples", x);
  Tensor y = empty_like(x);
  const int64_t samples = x.dim(0), columns = x.rank() == 1 ? 1 : x.columns();
  const int64_t rows = samples * columns == 0 ? 0 : x.size() / (samples * columns);
  with_dtype(x.dtype(), [&]<class T>() {
    kernels::dropout<T>().dropout(samples, rows, columns, x.data<T>(), probability, key.key, key.first_sample,
                                  y.data<T>());
  });
  auto vjp = [probability, key](const Backward& backward) -> TensorList {
    return {dropout(backward.dy(), probability, key)};
  };
  return record({.op = "dropout", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

namespace {

OpSample::Call call_dropout(double probability) {
  return [=](const TensorList& in) { return dropout(in[0], probability, {RandomKey(5), 3}); };
}
const OpSamples dropout_samples("dropout", {{.name = "batched", .inputs = {{2, 3, 5}}, .call = call_dropout(0.3)},
                                            {.name = "vector", .inputs = {{9}}, .call = call_dropout(0.5)},
                                            {.name = "none", .inputs = {{2, 3}}, .call = call_dropout(0.0)},
                                            {.name = "parallel", .inputs = {{40, 3, 50}}, .call = call_dropout(0.1)},
                                            {.name = "empty", .inputs = {{0, 3}}, .call = call_dropout(0.1)},
                                            {.name = "bad_probability",
                                             .inputs = {{2, 3}},
                                             .call = call_dropout(1.0),
                                             .error = "dropout: probability 1 is outside [0, 1)"}});

}  // namespace
}  // namespace transformlet
