// Primitive: products of matrices in batches.
#include "autograd/kernels/matmul.h"

#include "autograd/catalogue.h"
#include "autograd/kernels/arithmetic.h"
#include "autograd/ops.h"
#include "autograd/ops/support.h"

namespace transformlet {

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  require_same_dtype("matmul", {&a, &b});
  require(a.rank() >= 2 && b.rank() >= 2, "matmul: {} and {} must have at least two axes each", a, b);
  const int64_t m = a.dim(transpose_a ? -1 : -2), k = a.dim(transpose_a ? -2 : -1);
  const int64_t n = b.dim(transpose_b ? -2 : -1);
  require(k == b.dim(transpose_b ? -1 : -2), "matmul: {}{} and {}{} have inner sizes {} and {}", a,
          transpose_a ? " transposed" : "", b, transpose_b ? " transposed" : "", k, b.dim(transpose_b ? -1 : -2));
  const Shape a_batch = a.shape().first(a.rank() - 2), b_batch = b.shape().first(b.rank() - 2);
  const Shape batch = broadcast_shapes("matmul", a_batch, b_batch);
  Tensor y = empty(batch.appended(m).appended(n), a.dtype());
  const kernels::Broadcast<2> plan({batch.begin(), batch.end()},
                                   {{{a_batch.begin(), a_batch.end()}, {b_batch.begin(), b_batch.end()}}});
  with_dtype(a.dtype(), [&]<class T>() {
    std::vector<const T*> as, bs;
    std::vector<T*> ys;
    const int64_t count = batch.size();
    for (int64_t i = 0; i < count; ++i) {
      as.push_back(a.data<T>() + plan.place(0, i) * m * k);
      bs.push_back(b.data<T>() + plan.place(1, i) * k * n);
      ys.push_back(y.data<T>() + i * m * n);
    }
    kernels::matmul<T>().batch({.transpose_a = transpose_a,
                                .transpose_b = transpose_b,
                                .m = m,
                                .n = n,
                                .k = k,
                                .lda = std::max<int64_t>(1, a.columns()),
                                .ldb = std::max<int64_t>(1, b.columns()),
                                .ldc = std::max<int64_t>(1, n)},
                               count, as.data(), bs.data(), ys.data());
  });
  auto vjp = [transpose_a, transpose_b](const Backward& backward) -> TensorList {
    const Tensor &a = backward.saved[0], &b = backward.saved[1], &dy = backward.dy();
    Tensor da, db;
    if (backward.needs(0)) da = transpose_a ? matmul(b, dy, transpose_b, true) : matmul(dy, b, false, !transpose_b);
    if (backward.needs(1)) db = transpose_b ? matmul(dy, a, true, transpose_a) : matmul(a, dy, !transpose_a, false);
    return {da, db};
  };
  return record({.op = "matmul",
                 .inputs = {a, b},
                 .outputs = {y},
                 .vjp = vjp,
                 .saves = {a, b},
                 .product_operations = 2 * static_cast<double>(y.size()) * static_cast<double>(k)});
}

namespace {

OpSample::Call call_matmul(bool transpose_a, bool transpose_b) {
  return [=](const TensorList& in) { return matmul(in[0], in[1], transpose_a, transpose_b); };
}

const OpSamples matmul_samples(
    "matmul", {{.name = "nn", .inputs = {{3, 4}, {4, 5}}, .call = call_matmul(false, false)},
               {.name = "nt", .inputs = {{3, 4}, {5, 4}}, .call = call_matmul(false, true)},
               {.name = "tn", .inputs = {{4, 3}, {4, 5}}, .call = call_matmul(true, false)},
               {.name = "tt", .inputs = {{4, 3}, {5, 4}}, .call = call_matmul(true, true)},
               {.name = "batch", .inputs = {{2, 3, 4}, {2, 4, 5}}, .call = call_matmul(false, false)},
               {.name = "one_matrix", .inputs = {{2, 3, 4}, {4, 5}}, .call = call_matmul(false, false)},
               {.name = "broadcast", .inputs = {{2, 1, 3, 4}, {3, 5, 4}}, .call = call_matmul(false, true)},
               {.name = "column", .inputs = {{3, 4}, {4, 1}}, .call = call_matmul(false, false)},
               {.name = "empty_inner", .inputs = {{3, 0}, {0, 4}}, .call = call_matmul(false, false)},
               {.name = "empty_batch", .inputs = {{0, 3, 4}, {4, 5}}, .call = call_matmul(false, false)},
               {.name = "blocks", .inputs = {{129, 65}, {65, 70}}, .call = call_matmul(false, false)},
               {.name = "blocks_t", .inputs = {{65, 129}, {70, 65}}, .call = call_matmul(true, true)},
               {.name = "long_inner", .inputs = {{7, 4099}, {4099, 10}}, .call = call_matmul(false, false)},
               {.name = "large_batch", .inputs = {{9, 33, 34}, {9, 34, 35}}, .call = call_matmul(false, false)},
               {.name = "bad_inner",
                .inputs = {{3, 4}, {5, 4}},
                .call = call_matmul(false, false),
                .error = "matmul: (3, 4) and (5, 4) have inner sizes 4 and 5"},
               {.name = "bad_rank",
                .inputs = {{3, 4}, {4}},
                .call = call_matmul(false, false),
                .error = "matmul: (3, 4) and (4) must have at least two axes each"}});

}  // namespace
}  // namespace transformlet
