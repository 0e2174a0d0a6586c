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

AttentionFactors attention_factors(const AttentionLayer& layer, const Tensor& q, const Tensor& k) {
  require(q.rank() == 4 && k.rank() == 4 && q.dim(0) == 1 && k.dim(0) == 1,
          "attention_factors: one sample's queries and keys are needed, not {} and {}", q, k);
  AttentionFactors result{.heads = q.dim(1), .kv_heads = k.dim(1), .queries = q.dim(2), .keys = k.dim(2)};
  result.head_size = q.dim(3);
  const MultiheadAttentionOptions& options = layer.attention->options;
  require(options.kind == AttentionKind::softmax, "attention_factors: only weights of a softmax have a normalizer");
  result.scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(result.head_size)));
  if (options.alibi) result.bias_slopes = alibi_slopes(result.heads);
  result.query = as_halves(q);
  result.key = as_halves(k);
  result.normalizer.resize(static_cast<size_t>(result.heads * result.queries));

  std::vector<float> query(result.query.size()), key(result.key.size());
  for (size_t i = 0; i < query.size(); ++i) query[i] = half_value(result.query[i]);
  for (size_t i = 0; i < key.size(); ++i) key[i] = half_value(result.key[i]);
  const int64_t size = result.head_size;
#pragma omp parallel for schedule(dynamic)
  for (int64_t row = 0; row < result.heads * result.queries; ++row) {
    const int64_t head = row / result.queries, i = row % result.queries,
                  kv_head = head * result.kv_heads / result.heads;
    std::vector<double> scores;
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < result.keys; ++j) {
      if (!layer.mask.may_attend(0, head, i, j)) continue;
      const float* const a = query.data() + row * size;
      const float* const b = key.data() + (kv_head * result.keys + j) * size;
      float product = 0;
      for (int64_t c = 0; c < size; ++c) product += a[c] * b[c];
      const double bias = result.bias_slopes.empty()
                              ? 0
                              : result.bias_slopes[static_cast<size_t>(head)] * static_cast<double>(std::abs(i - j));
      scores.push_back(result.scale * static_cast<double>(product) - bias);
      largest = std::max(largest, scores.back());
    }
    for (const double score : scores) sum += std::exp(score - largest);
    result.normalizer[static_cast<size_t>(row)] = static_cast<float>(sum == 0 ? -INFINITY : largest + std::log(sum));
  }
  return result;
}

}  // namespace transformlet
