// Fused: attention in three layouts, one kernel.
#include "autograd/attention.h"

#include <cmath>

#include "autograd/catalogue.h"
#include "autograd/kernels/attention.h"
#include "autograd/ops/support.h"

namespace transformlet {
namespace {

using kernels::AttentionMask;
using kernels::AttentionProblem;
using kernels::AttentionStrides;

AttentionMask mask_for_kernel(const Mask& mask) {
  AttentionMask result{.causal = mask.is_causal(),
                       .query_offset = mask.query_offset(),
                       .window = mask.window(),
                       .lengths = mask.lengths(),
                       .dense = mask.dense_data()};
  if (result.dense != nullptr) {
    const Shape& shape = mask.dense_shape();
    const auto stride = [&shape](int axis) {
      int64_t step = shape[axis] == 1 ? 0 : 1;
      for (int inner = axis + 1; inner < 4; ++inner) step *= shape[inner];
      return step;
    };
    result.dense_sample = stride(0);
    result.dense_head = stride(1);
    result.dense_query = stride(2);
    result.dense_key = stride(3);
  }
  return result;
}

// Sizes, strides and options; the mask is put in for each call, because it points into the Mask that must outlive it.
AttentionProblem problem_of(const char* op, const Mask& mask, const AttentionOptions& options, int64_t samples,
                            int64_t heads, int64_t queries, int64_t keys, int64_t key_size, int64_t value_size) {
  mask.require_fits(op, samples, heads, queries, keys);
  require(0.0 <= options.dropout && options.dropout < 1.0, "{}: dropout {} is outside [0, 1)", op, options.dropout);
  AttentionProblem problem;
  problem.samples = samples;
  problem.heads = heads;
  problem.queries = queries;
  problem.keys = keys;
  problem.key_size = key_size;
  problem.value_size = value_size;
  problem.scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(1, key_size))));
  problem.dropout = options.dropout;
  problem.dropout_key = options.dropout_key.key;
  problem.first_sample = options.dropout_key.first_sample;
  return problem;
}

// Runs the kernel and records it. `inputs` are q, k, v, or one packed tensor in which k and v start at the given
// columns.
Tensor attend(const char* op, AttentionProblem problem, const Mask& mask, const TensorList& inputs, int64_t k_start,
              int64_t v_start, const Shape& shape, const Reference& reference) {
  const bool packed = inputs.size() == 1;
  const DType dtype = inputs[0].dtype();
  Tensor y = empty(shape, dtype);
  Tensor log_normaliser = empty({problem.samples, problem.heads, problem.queries}, dtype);
  problem.mask = mask_for_kernel(mask);
  with_dtype(dtype, [&]<class T>() {
    const Tensor &k = packed ? inputs[0] : inputs[1], &v = packed ? inputs[0] : inputs[2];
    kernels::attention<T>().forward(problem, inputs[0].data<T>(), k.data<T>() + k_start, v.data<T>() + v_start,
                                    y.data<T>(), log_normaliser.data<T>());
  });
  auto vjp = [=](const Backward& backward) -> TensorList {
    const TensorList& saved = backward.saved;
    TensorList gradients;
    for (size_t i = 0; i + 1 < saved.size(); ++i) gradients.push_back(empty_like(saved[i]));
    AttentionProblem again = problem;
    again.mask = mask_for_kernel(mask);
    with_dtype(dtype, [&]<class T>() {
      const size_t k = packed ? 0 : 1, v = packed ? 0 : 2;
      kernels::attention<T>().backward(again, saved[0].data<T>(), saved[k].data<T>() + k_start,
                                       saved[v].data<T>() + v_start, backward.outputs[0].data<T>(),
                                       saved.back().data<T>(), backward.dy().data<T>(), gradients[0].data<T>(),
                                       gradients[k].data<T>() + k_start, gradients[v].data<T>() + v_start);
    });
    return gradients;
  };
  TensorList saves = inputs;
  saves.push_back(log_normaliser);
  return record({.op = op,
                 .inputs = inputs,
                 .outputs = {y},
                 .vjp = vjp,
                 .reference = reference,
                 .saves = std::move(saves),
                 .keeps_output = true});
}

// The axes before the last two, as samples and heads.
std::pair<int64_t, int64_t> samples_and_heads(const Shape& shape) {
  const int64_t heads = shape.rank() >= 4 ? shape[-3] : 1;
  const int64_t leading = shape.first(shape.rank() - 2).size();
  return {heads == 0 ? 0 : leading / heads, heads};
}

void check_operands(const char* op, const Tensor& q, const Tensor& k, const Tensor& v) {
  require_same_dtype(op, {&q, &k, &v});
  require(q.rank() >= 2 && k.rank() == q.rank() && v.rank() == q.rank(),
          "{}: query {}, key {} and value {} must have as many axes, at least (length, size)", op, q, k, v);
  require(k.dim(-2) == v.dim(-2), "{}: key {} and value {} differ in length", op, k, v);
}

// Products in which pairs outside the mask are selected away on both sides: slow, but 0 * NaN happens neither here nor
// in the derivative, where each side is multiplied by a gradient of 0.
Tensor selected_product(const Tensor& a, const Tensor& b, const Tensor& allowed) {
  const Tensor pairs = reshape(allowed, allowed.shape().appended(1)), zero = scalar(0, a.dtype());
  return where(pairs, a, zero) * where(pairs, b, zero);
}

Tensor selected_scores(const Tensor& q, const Tensor& k, const Tensor& allowed) {
  const Shape qs = q.shape(), ks = k.shape();
  return sum(selected_product(reshape(q, {qs[0], qs[1], qs[2], 1, qs[3]}), reshape(k, {ks[0], ks[1], 1, ks[2], ks[3]}),
                              allowed),
             {-1});
}

Tensor selected_values(const Tensor& weights, const Tensor& v, const Tensor& allowed) {
  const Shape vs = v.shape();
  return sum(selected_product(reshape(weights, weights.shape().appended(1)),
                              reshape(v, {vs[0], vs[1], 1, vs[2], vs[3]}), allowed),
             {-2});
}

bool finite(const Tensor& x) {
  return with_dtype(x.dtype(), [&]<class T>() {
    return std::all_of(x.data<T>(), x.data<T>() + x.size(), [](T value) { return std::isfinite(value); });
  });
}

}  // namespace

AttentionResult attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask,
                                       const AttentionOptions& options,
                                       const std::function<Tensor(const Tensor&)>& replace) {
  const char* const op = "attention_with_weights";
  check_operands(op, q, k, v);
  const auto [samples, heads] = samples_and_heads(q.shape());
  const int64_t queries = q.dim(-2), keys = k.dim(-2), key_size = q.dim(-1), value_size = v.dim(-1);
  const AttentionProblem problem = problem_of(op, mask, options, samples, heads, queries, keys, key_size, value_size);
  const Tensor query = reshape(q, {samples, heads, queries, key_size});
  const Tensor key = reshape(k, {samples, heads, keys, key_size});
  const Tensor value = reshape(v, {samples, heads, keys, value_size});
  const Tensor zero = scalar(0, q.dtype()), one = scalar(1, q.dtype());
  const bool masked = !mask.allows_all();
  const Tensor allowed =
      masked ? mask.to_tensor(samples, heads, queries, keys, q.dtype()) : full({1, 1, queries, keys}, 1.0, q.dtype());
  const bool select = masked && !(finite(q) && finite(k) && finite(v));

  Tensor scores = select ? selected_scores(query, key, allowed) : matmul(query, key, false, true);
  scores = scores * problem.scale;
  if (masked) scores = where(allowed, scores, scalar(-INFINITY, q.dtype()));
  // The largest score is taken out as a constant. Rows without any score have none to take out, and a sum of 0.
  const Tensor active = keys == 0 ? zeros({1, 1, queries, 1}, q.dtype()) : max(allowed, -1, true);
  const Tensor peak = keys == 0 ? zero : where(active, max(constant(scores), -1, true), zero);
  const Tensor exponentials = where(allowed, exp(scores - peak), zero);
  Tensor weights = exponentials / where(active, sum(exponentials, {-1}, true), one);
  if (replace) weights = replace(weights);
  const Tensor kept = dropout(weights, options.dropout, options.dropout_key);
  Tensor values = select ? selected_values(kept, value, allowed) : matmul(kept, value);
  // Selected, though they are zeros already: whatever comes back for rows that see nothing goes no further.
  if (masked) values = where(active, values, zero);
  return {reshape(values, q.shape().with(-1, value_size)), reshape(weights, q.shape().with(-1, keys))};
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask,
                                    const AttentionOptions& options) {
  const char* const op = "scaled_dot_product_attention";
  check_operands(op, q, k, v);
  require(q.shape().first(q.rank() - 2) == k.shape().first(q.rank() - 2) &&
              q.shape().first(q.rank() - 2) == v.shape().first(q.rank() - 2),
          "{}: query {}, key {} and value {} differ in their leading axes", op, q, k, v);
  require(q.dim(-1) == k.dim(-1), "{}: query {} and key {} differ in head size", op, q, k);
  const auto [samples, heads] = samples_and_heads(q.shape());
  AttentionProblem problem = problem_of(op, mask, options, samples, heads, q.dim(-2), k.dim(-2), q.dim(-1), v.dim(-1));
  const auto dense = [heads = heads](const Tensor& x, int64_t size) {
    return AttentionStrides{heads * x.dim(-2) * size, x.dim(-2) * size, std::max<int64_t>(1, size)};
  };
  problem.q = dense(q, q.dim(-1));
  problem.k = dense(k, k.dim(-1));
  problem.v = dense(v, v.dim(-1));
  problem.y = dense(q, v.dim(-1));
  auto reference = [mask, options](const TensorList& in) -> TensorList {
    return {attention_with_weights(in[0], in[1], in[2], mask, options).values};
  };
  return attend(op, problem, mask, {q, k, v}, 0, 0, q.shape().with(-1, v.dim(-1)), reference);
}

Tensor split_heads(const Tensor& x, int64_t num_heads) {
  require(x.rank() == 3 && num_heads >= 1 && x.dim(2) % num_heads == 0,
          "split_heads: the last axis of {} does not divide into {} heads", x, num_heads);
  return permute(reshape(x, {x.dim(0), x.dim(1), num_heads, x.dim(2) / num_heads}), {0, 2, 1, 3});
}

Tensor merge_heads(const Tensor& x) {
  require(x.rank() == 4, "merge_heads: {} is not (batch, heads, length, size)", x);
  return reshape(permute(x, {0, 2, 1, 3}), {x.dim(0), x.dim(2), x.dim(1) * x.dim(3)});
}

Tensor multihead_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t num_heads, const Mask& mask,
                           const AttentionOptions& options) {
  const char* const op = "multihead_attention";
  check_operands(op, q, k, v);
  require(q.rank() == 3, "{}: query {} is not (batch, length, heads * size)", op, q);
  require(q.dim(0) == k.dim(0) && q.dim(0) == v.dim(0), "{}: query {}, key {} and value {} differ in batch", op, q, k,
          v);
  require(q.dim(2) == k.dim(2), "{}: query {} and key {} differ in width", op, q, k);
  require(num_heads >= 1 && q.dim(2) % num_heads == 0 && v.dim(2) % num_heads == 0,
          "{}: the widths {} and {} don't divide into {} heads", op, q.dim(2), v.dim(2), num_heads);
  const int64_t key_size = q.dim(2) / num_heads, value_size = v.dim(2) / num_heads;
  AttentionProblem problem =
      problem_of(op, mask, options, q.dim(0), num_heads, q.dim(1), k.dim(1), key_size, value_size);
  const auto side_by_side = [](int64_t length, int64_t width, int64_t size) {
    return AttentionStrides{length * width, size, std::max<int64_t>(1, width)};
  };
  problem.q = side_by_side(q.dim(1), q.dim(2), key_size);
  problem.k = side_by_side(k.dim(1), k.dim(2), key_size);
  problem.v = side_by_side(v.dim(1), v.dim(2), value_size);
  problem.y = side_by_side(q.dim(1), v.dim(2), value_size);
  auto reference = [num_heads, mask, options](const TensorList& in) -> TensorList {
    return {merge_heads(attention_with_weights(split_heads(in[0], num_heads), split_heads(in[1], num_heads),
                                               split_heads(in[2], num_heads), mask, options)
                            .values)};
  };
  return attend(op, problem, mask, {q, k, v}, 0, 0, q.shape().with(-1, v.dim(2)), reference);
}

Tensor packed_attention(const Tensor& qkv, int64_t num_heads, const Mask& mask, const AttentionOptions& options) {
  const char* const op = "packed_attention";
  require(qkv.rank() == 3 && num_heads >= 1 && qkv.dim(2) % (3 * num_heads) == 0,
          "{}: the last axis of {} does not divide into queries, keys and values of {} heads", op, qkv, num_heads);
  const int64_t width = qkv.dim(2) / 3, size = width / num_heads, length = qkv.dim(1);
  AttentionProblem problem = problem_of(op, mask, options, qkv.dim(0), num_heads, length, length, size, size);
  problem.q = problem.k = problem.v = {length * 3 * width, size, std::max<int64_t>(1, 3 * width)};
  problem.y = {length * width, size, std::max<int64_t>(1, width)};
  auto reference = [=](const TensorList& in) -> TensorList {
    const auto part = [&](int64_t i) { return split_heads(slice(in[0], 2, i * width, (i + 1) * width), num_heads); };
    return {merge_heads(attention_with_weights(part(0), part(1), part(2), mask, options).values)};
  };
  return attend(op, problem, mask, {qkv}, width, 2 * width, qkv.shape().with(-1, width), reference);
}

}  // namespace transformlet
