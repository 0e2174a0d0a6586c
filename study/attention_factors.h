// Attention weights as what they are made of, where a matrix of them would be too large to keep: for a query i, a key j
// that it sees, and H heads, of which H / K share a head of keys,
//
//   weight = exp(scale * query[h][i] . key[h * K / H][j] - slope[h] * |i - j| - normalizer[h][i])
//
// Queries and keys are float16 (IEEE 754 binary16), rounded; the normalizer is the logarithm of the sum of the
// exponentials of these rounded scores, so that each row's weights add up to 1. Softmax attention only.
// Cost: the products of queries and keys once more, and two exponentials a weight; memory for one head's weights.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "study/attention_layers.h"

namespace transformlet {

struct AttentionFactors {
  int64_t heads = 0, kv_heads = 0, queries = 0, keys = 0, head_size = 0;
  std::vector<uint16_t> query = {}, key = {};  // (heads, queries, head_size), (kv_heads, keys, head_size)
  double scale = 0;
  std::vector<double> bias_slopes = {};  // of ALiBi; empty: it has none
  std::vector<float> normalizer = {};    // (heads, queries); -infinity of a query that sees nothing
};

// Is shown one head's weights (queries, keys), 0 where the mask hides.
using SeeWeights = std::function<void(int64_t head, const std::vector<float>& weights)>;

// Of sample 0: q (1, H, Tq, d) and k (1, K, Tk, d), as the taps of attention hand them out.
AttentionFactors attention_factors(const AttentionLayer& layer, const Tensor& q, const Tensor& k,
                                   const SeeWeights& see = {});

// The nearest float16, ties to even; too large numbers become infinity.
uint16_t half_bits(float x);
float half_value(uint16_t bits);

}  // namespace transformlet
