#include "study/attention_factors.h"

#include <bit>
#include <cmath>

#include "autograd/attention.h"

namespace transformlet {
namespace {

std::vector<uint16_t> as_halves(const Tensor& x) {
  std::vector<uint16_t> bits;
  bits.reserve(static_cast<size_t>(x.size()));
  with_dtype(x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < x.size(); ++i) bits.push_back(half_bits(static_cast<float>(x.data<T>()[i])));
  });
  return bits;
}

Tensor as_tensor(const std::vector<uint16_t>& bits, const Shape& shape) {
  std::vector<double> values;
  values.reserve(bits.size());
  for (const uint16_t one : bits) values.push_back(static_cast<double>(half_value(one)));
  return tensor(values, shape, DType::float32);
}

// The weights of a query from its products with all keys; returns the normalizer.
float normalize(const float* products, const AttentionLayer& layer, const AttentionFactors& factors, int64_t head,
                int64_t query, float* weights) {
  const double slope = factors.bias_slopes.empty() ? 0 : factors.bias_slopes[static_cast<size_t>(head)];
  const auto score = [&](int64_t key) {
    return factors.scale * static_cast<double>(products[key]) - slope * static_cast<double>(std::abs(query - key));
  };
  double largest = -INFINITY, sum = 0;
  for (int64_t key = 0; key < factors.keys; ++key) {
    if (layer.mask.may_attend(0, head, query, key)) largest = std::max(largest, score(key));
  }
  for (int64_t key = 0; key < factors.keys; ++key) {
    if (!layer.mask.may_attend(0, head, query, key)) continue;
    const double exponential = std::exp(score(key) - largest);
    weights[key] = static_cast<float>(exponential);
    sum += exponential;
  }
  for (int64_t key = 0; key < factors.keys && sum > 0; ++key) weights[key] /= static_cast<float>(sum);
  return static_cast<float>(sum == 0 ? -INFINITY : largest + std::log(sum));
}

}  // namespace

uint16_t half_bits(float x) {
  const auto sign = static_cast<uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const float size = std::fabs(x);
  if (std::isnan(x)) return sign | 0x7e00;
  if (size == 0) return sign;
  if (size >= 65520.0F) return sign | 0x7c00;  // halfway between the largest number, 65504, and the next power
  // Below 2^-14 numbers are multiples of 2^-24; above, of 2^-10 of their power of two.
  int exponent = 0;
  std::frexp(size, &exponent);  // size = m * 2^exponent, 1/2 <= m < 1
  exponent = std::max(exponent - 1, -14);
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // ties to even
  // 1024 units are the hidden bit; where rounding makes 2048 of them, the sum carries into the exponent.
  return static_cast<uint16_t>(sign + (static_cast<uint32_t>(exponent + 14) << 10) + units);
}

float half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                     : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                     : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return bits & 0x8000 ? -size : size;
}

AttentionFactors attention_factors(const AttentionLayer& layer, const Tensor& q, const Tensor& k,
                                   const SeeWeights& see) {
  require(q.rank() == 4 && k.rank() == 4 && q.dim(0) == 1 && k.dim(0) == 1,
          "attention_factors: one sample's queries and keys are needed, not {} and {}", q, k);
  const MultiheadAttentionOptions& options = layer.attention->options;
  require(options.kind == AttentionKind::softmax, "attention_factors: only weights of a softmax have a normalizer");
  const NoRecording off;
  AttentionFactors result{.heads = q.dim(1), .kv_heads = k.dim(1), .queries = q.dim(2), .keys = k.dim(2)};
  result.head_size = q.dim(3);
  result.scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(result.head_size)));
  if (options.alibi) result.bias_slopes = alibi_slopes(result.heads);
  result.query = as_halves(q);
  result.key = as_halves(k);
  result.normalizer.resize(static_cast<size_t>(result.heads * result.queries));
  const Tensor query = as_tensor(result.query, {result.heads, result.queries, result.head_size});
  const Tensor key = as_tensor(result.key, {result.kv_heads, result.keys, result.head_size});
  for (int64_t head = 0; head < result.heads; ++head) {
    const int64_t kv_head = head * result.kv_heads / result.heads;
    const Tensor products = matmul(slice(query, 0, head, head + 1), slice(key, 0, kv_head, kv_head + 1), false, true);
    std::vector<float> weights(static_cast<size_t>(products.size()));
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t i = 0; i < result.queries; ++i) {
      result.normalizer[static_cast<size_t>(head * result.queries + i)] =
          normalize(products.data<float>() + i * result.keys, layer, result, head, i, weights.data() + i * result.keys);
    }
    if (see) see(head, weights);
  }
  return result;
}

}  // namespace transformlet
