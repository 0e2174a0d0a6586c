// Primitives: rows of tables (embeddings), and one-hot vectors.
#include "autograd/kernels/rows.h"
#include "autograd/catalogue.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

void require_in_range(const char* op, const Tokens& ids, int64_t count) {
  for (int64_t i = 0; i < ids.size(); ++i) {
    require(0 <= ids[i] && ids[i] < count, "{}: id {} at position {} is outside 0 ... {}", op, ids[i], i, count - 1);
  }
}

// Adds the values to the table, in place.
void scatter_into(const Tensor& values, const Tokens& ids, Tensor& table) {
  with_dtype(values.dtype(), [&]<class T>() {
    kernels::rows<T>().scatter(ids.size(), values.columns(), values.data<T>(), ids.data(), table.data<T>());
  });
}

}  // namespace

Tensor gather_rows(const Tensor& table, const Tokens& ids) {
  require(table.rank() == 2, "gather_rows: the table must have two axes, not {}", table);
  require_in_range("gather_rows", ids, table.dim(0));
  Tensor y = empty(ids.shape().appended(table.dim(1)), table.dtype());
  with_dtype(table.dtype(), [&]<class T>() {
    kernels::rows<T>().gather(ids.size(), table.dim(1), table.data<T>(), ids.data(), y.data<T>());
  });
  const int64_t rows = table.dim(0);
  auto vjp = [ids, rows](const Backward& backward) -> TensorList {
    if (Tensor* const sum = backward.sum_into(0)) {  // a tied table already has a large gradient from elsewhere
      scatter_into(backward.dy(), ids, *sum);
      return {Tensor()};
    }
    return {scatter_rows(backward.dy(), ids, rows)};
  };
  return record({.op = "gather_rows", .inputs = {table}, .outputs = {y}, .vjp = vjp});
}

Tensor scatter_rows(const Tensor& values, const Tokens& ids, int64_t rows) {
  require(values.rank() >= 1 && values.shape().without(-1) == ids.shape(), "scatter_rows: values {} don't match ids {}",
          values, ids.shape());
  require_in_range("scatter_rows", ids, rows);
  Tensor y = zeros({rows, values.columns()}, values.dtype());
  scatter_into(values, ids, y);
  auto vjp = [ids](const Backward& backward) -> TensorList { return {gather_rows(backward.dy(), ids)}; };
  return record({.op = "scatter_rows", .inputs = {values}, .outputs = {y}, .vjp = vjp});
}

Tensor one_hot(const Tokens& ids, int64_t classes, DType dtype) {
  require_in_range("one_hot", ids, classes);
  Tensor y = zeros(ids.shape().appended(classes), dtype);
  with_dtype(dtype, [&]<class T>() {
    for (int64_t i = 0; i < ids.size(); ++i) y.data<T>()[i * classes + ids[i]] = T(1);
  });
  return y;
}

namespace {

const Tokens sample_ids({2, 0, 2, 1, 4, 2}, {2, 3});
const OpSamples gather_samples(
    "gather_rows",
    {{.name = "repeated",
      .inputs = {{5, 3}},
      .call = [](const TensorList& in) { return gather_rows(in[0], sample_ids); }},
     {.name = "tied",  // the table also used as a matrix, after: its gradient is summed in place
      .inputs = {{5, 3}},
      .call = [](const TensorList& in) { return matmul(gather_rows(in[0], sample_ids), in[0], false, true); }},
     {.name = "bad_id",
      .inputs = {{4, 3}},
      .call = [](const TensorList& in) { return gather_rows(in[0], sample_ids); },
      .error = "gather_rows: id 4 at position 4 is outside 0 ... 3"}});
const OpSamples scatter_samples("scatter_rows",
                                {{.name = "repeated",
                                  .inputs = {{2, 3, 4}},
                                  .call = [](const TensorList& in) { return scatter_rows(in[0], sample_ids, 5); }},
                                 {.name = "wide",
                                  .inputs = {{2, 3, 40}},
                                  .call = [](const TensorList& in) { return scatter_rows(in[0], sample_ids, 6); }},
                                 {.name = "bad_shape",
                                  .inputs = {{2, 4}},
                                  .call = [](const TensorList& in) { return scatter_rows(in[0], sample_ids, 5); },
                                  .error = "scatter_rows: values (2, 4) don't match ids (2, 3)"}});

}  // namespace
}  // namespace transformlet
