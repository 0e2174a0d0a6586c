// Fused: attention in three layouts, one kernel.
#include "autograd/attention.h"

#include <cmath>

#include "autograd/catalogue.h"
#include "autograd/kernels/attention.h"
#include "autograd/ops/attention_shapes.h"

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
                            int64_t heads, int64_t kv_heads, int64_t queries, int64_t keys, int64_t key_size,
                            int64_t value_size) {
  check_heads_and_dropout(op, heads, kv_heads, options);
  mask.require_fits(op, samples, heads, queries, keys);
  AttentionProblem problem;
  problem.samples = samples;
  problem.heads = heads;
  problem.group = kv_heads == 0 ? 1 : heads / kv_heads;
  problem.queries = queries;
  problem.keys = keys;
  problem.key_size = key_size;
  problem.value_size = value_size;
  problem.scale = scale_of(options, key_size);
  problem.dropout = options.dropout;
  problem.dropout_key = options.dropout_key.key;
  problem.first_sample = options.dropout_key.first_sample;
  return problem;
}

// Runs the kernel and records it. `inputs` are q, k, v, or one packed tensor in which k and v start at the given
// columns.
Tensor attend(const char* op, AttentionProblem problem, const Mask& mask, bool alibi, const TensorList& inputs,
              int64_t k_start, int64_t v_start, const Shape& shape, const Reference& reference) {
  const bool packed = inputs.size() == 1;
  const DType dtype = inputs[0].dtype();
  Tensor y = empty(shape, dtype);
  Tensor log_normaliser = empty({problem.samples, problem.heads, problem.queries}, dtype);
  problem.mask = mask_for_kernel(mask);
  const std::vector<double> slopes = alibi ? alibi_slopes(problem.heads) : std::vector<double>();
  if (alibi) problem.slopes = slopes.data();
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
    again.slopes = alibi ? slopes.data() : nullptr;
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
                 .keeps_output = true,
                 .product_operations = 2 * mask.pairs(problem.samples, problem.queries, problem.keys) *
                                       static_cast<double>(problem.heads * (problem.key_size + problem.value_size))});
}

// The axes before the last two are equal; those of heads, which come last, may be fewer for keys and values.
void check_leading_axes(const char* op, const Tensor& q, const Tensor& k, const Tensor& v) {
  const int leading = q.rank() - 2, equal = q.rank() >= 4 ? leading - 1 : leading;
  require(k.shape().first(leading) == v.shape().first(leading) && q.shape().first(equal) == k.shape().first(equal),
          "{}: query {}, key {} and value {} differ in their leading axes", op, q, k, v);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask,
                                    const AttentionOptions& options) {
  const char* const op = "scaled_dot_product_attention";
  check_operands(op, q, k, v);
  check_leading_axes(op, q, k, v);
  require(q.dim(-1) == k.dim(-1), "{}: query {} and key {} differ in head size", op, q, k);
  const auto [samples, heads] = samples_and_heads(q.shape());
  AttentionProblem problem = problem_of(op, mask, options, samples, heads, samples_and_heads(k.shape()).second,
                                        q.dim(-2), k.dim(-2), q.dim(-1), v.dim(-1));
  const auto dense = [](const Tensor& x, int64_t size) {
    return AttentionStrides{samples_and_heads(x.shape()).second * x.dim(-2) * size, x.dim(-2) * size,
                            std::max<int64_t>(1, size)};
  };
  problem.q = dense(q, q.dim(-1));
  problem.k = dense(k, k.dim(-1));
  problem.v = dense(v, v.dim(-1));
  problem.y = dense(q, v.dim(-1));
  auto reference = [mask, options](const TensorList& in) -> TensorList {
    return {attention_with_weights(in[0], in[1], in[2], mask, options).values};
  };
  return attend(op, problem, mask, options.alibi, {q, k, v}, 0, 0, q.shape().with(-1, v.dim(-1)), reference);
}

Tensor cached_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t length, int64_t num_heads,
                        const Mask& mask, const AttentionOptions& options) {
  const char* const name = "cached_attention";  // no op: it has no derivative
  check_operands(name, q, k, v);
  const int64_t kv_heads = options.num_kv_heads == 0 ? num_heads : options.num_kv_heads;
  require(q.rank() == 3 && q.dim(0) == k.dim(0) && q.dim(2) % num_heads == 0 && k.dim(2) % kv_heads == 0 &&
              k.dim(2) * num_heads == q.dim(2) * kv_heads && length <= k.dim(1) && options.dropout == 0.0,
          "{}: query {} with {} heads does not fit {} rows of key {} with {} heads", name, q, num_heads, length, k,
          kv_heads);
  const int64_t size = q.dim(2) / num_heads, value_size = v.dim(2) / kv_heads, width = num_heads * value_size;
  AttentionProblem problem =
      problem_of(name, mask, options, q.dim(0), num_heads, kv_heads, q.dim(1), length, size, value_size);
  problem.q = {q.dim(1) * q.dim(2), size, q.dim(2)};
  problem.k = {k.dim(1) * k.dim(2), size, k.dim(2)};
  problem.v = {v.dim(1) * v.dim(2), value_size, v.dim(2)};
  problem.y = {q.dim(1) * width, value_size, width};
  problem.mask = mask_for_kernel(mask);
  const std::vector<double> slopes = options.alibi ? alibi_slopes(num_heads) : std::vector<double>();
  if (options.alibi) problem.slopes = slopes.data();
  Tensor y = empty({q.dim(0), q.dim(1), width}, q.dtype());
  Tensor log_normaliser = empty({q.dim(0), num_heads, q.dim(1)}, q.dtype());
  with_dtype(q.dtype(), [&]<class T>() {
    kernels::attention<T>().forward(problem, q.data<T>(), k.data<T>(), v.data<T>(), y.data<T>(),
                                    log_normaliser.data<T>());
  });
  return y;
}

std::vector<double> alibi_slopes(int64_t num_heads) {
  int64_t power = 1;
  while (2 * power <= num_heads) power *= 2;
  std::vector<double> slopes;
  for (int64_t h = 1; h <= power; ++h)
    slopes.push_back(std::exp2(-8.0 * static_cast<double>(h) / static_cast<double>(power)));
  for (int64_t h = 1; power + (h - 1) / 2 < num_heads; h += 2) {
    slopes.push_back(std::exp2(-4.0 * static_cast<double>(h) / static_cast<double>(power)));
  }
  return slopes;
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
  const int64_t kv_heads = options.num_kv_heads == 0 ? num_heads : options.num_kv_heads;
  require(num_heads >= 1 && kv_heads >= 1 && q.dim(2) % num_heads == 0 && v.dim(2) % kv_heads == 0,
          "{}: the widths {} and {} don't divide into {} and {} heads", op, q.dim(2), v.dim(2), num_heads, kv_heads);
  require(k.dim(2) * num_heads == q.dim(2) * kv_heads, "{}: query {} and key {} differ in the width of a head", op, q,
          k);
  const int64_t key_size = q.dim(2) / num_heads, value_size = v.dim(2) / kv_heads;
  AttentionProblem problem =
      problem_of(op, mask, options, q.dim(0), num_heads, kv_heads, q.dim(1), k.dim(1), key_size, value_size);
  const auto side_by_side = [](int64_t length, int64_t width, int64_t size) {
    return AttentionStrides{length * width, size, std::max<int64_t>(1, width)};
  };
  problem.q = side_by_side(q.dim(1), q.dim(2), key_size);
  problem.k = side_by_side(k.dim(1), k.dim(2), key_size);
  problem.v = side_by_side(v.dim(1), v.dim(2), value_size);
  problem.y = side_by_side(q.dim(1), num_heads * value_size, value_size);
  auto reference = [num_heads, kv_heads, mask, options](const TensorList& in) -> TensorList {
    return {merge_heads(attention_with_weights(split_heads(in[0], num_heads), split_heads(in[1], kv_heads),
                                               split_heads(in[2], kv_heads), mask, options)
                            .values)};
  };
  return attend(op, problem, mask, options.alibi, {q, k, v}, 0, 0, q.shape().with(-1, num_heads * value_size),
                reference);
}

Tensor packed_attention(const Tensor& qkv, int64_t num_heads, const Mask& mask, const AttentionOptions& options) {
  const char* const op = "packed_attention";
  const int64_t kv_heads = options.num_kv_heads == 0 ? num_heads : options.num_kv_heads;
  const int64_t all_heads = num_heads + 2 * kv_heads;
  require(qkv.rank() == 3 && num_heads >= 1 && kv_heads >= 1 && qkv.dim(2) % all_heads == 0,
          "{}: the last axis of {} does not divide into {} heads of queries and {} each of keys and values", op, qkv,
          num_heads, kv_heads);
  const int64_t size = qkv.dim(2) / all_heads, length = qkv.dim(1), packed = qkv.dim(2);
  const int64_t width = num_heads * size, kv_width = kv_heads * size;
  AttentionProblem problem = problem_of(op, mask, options, qkv.dim(0), num_heads, kv_heads, length, length, size, size);
  problem.q = problem.k = problem.v = {length * packed, size, std::max<int64_t>(1, packed)};
  problem.y = {length * width, size, std::max<int64_t>(1, width)};
  auto reference = [=](const TensorList& in) -> TensorList {
    const auto part = [&](int64_t begin, int64_t heads) {
      return split_heads(slice(in[0], 2, begin, begin + heads * size), heads);
    };
    return {merge_heads(attention_with_weights(part(0, num_heads), part(width, kv_heads),
                                               part(width + kv_width, kv_heads), mask, options)
                            .values)};
  };
  return attend(op, problem, mask, options.alibi, {qkv}, width, width + kv_width, qkv.shape().with(-1, width),
                reference);
}

}  // namespace transformlet
