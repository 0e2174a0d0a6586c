// Scaled dot-product attention (Vaswani et al. 2017, equation 1): softmax(scale * Q K^T, masked) V.
#pragma once

#include <optional>

#include "autograd/mask.h"
#include "autograd/ops.h"

namespace transformlet {

struct AttentionOptions {
  std::optional<double> scale = {};  // 1 / sqrt(d_k) if not given
  double dropout = 0.0;              // probability of dropping a weight, after the softmax
  DropoutKey dropout_key = {};
  bool alibi = false;  // slope * distance is taken from each score, with alibi_slopes() (Press et al. 2022)
  // Of the forms in which heads lie side by side: heads of keys and values, each shared by as many heads of queries
  // (grouped-query attention, Ainslie et al. 2023). 0: as many as there are heads of queries.
  int64_t num_kv_heads = 0;
};

// The slopes of ALiBi's heads: 2^(-8 h / n) for h = 1 ... n if n is a power of 2, otherwise as its authors' code has
// it: those of the power below n, then every other one of the power above.
std::vector<double> alibi_slopes(int64_t num_heads);

// q (..., Tq, d_k), k (..., Tk, d_k), v (..., Tk, d_v) -> (..., Tq, d_v). The leading axes are equal; with two or more
// of them the last counts heads and those before it samples, and a single one counts samples. Keys and values may have
// fewer heads, a divisor of the queries': head h of the queries reads head h / (Hq / Hk). A query that may attend
// to nothing gives zeros and zero gradients. A query depends on no key and value that it may not attend to: NaN and
// infinity there change neither values nor gradients.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask = {},
                                    const AttentionOptions& options = {});

struct AttentionResult {
  Tensor values;   // (..., Tq, d_v)
  Tensor weights;  // (..., Tq, Tk): after the softmax, before dropout
};
// The same with the weights, which are differentiable too. Holds the whole matrix of weights, so it is slower; equal to
// the fused op up to rounding. What `replace` returns takes the place of the weights (observing, ablating, patching).
AttentionResult attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask = {},
                                       const AttentionOptions& options = {},
                                       const std::function<Tensor(const Tensor&)>& replace = {});

// The same on heads that lie side by side, as they come out of a projection: q (B, Tq, H * d_k), k (B, Tk, H * d_k),
// v (B, Tk, H * d_v) -> (B, Tq, H * d_v). With num_kv_heads, k and v have that many heads instead of H.
Tensor multihead_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t num_heads, const Mask& mask = {},
                           const AttentionOptions& options = {});
// Self-attention on a packed projection: qkv (B, T, 3 * H * d), or (B, T, (H + 2 * num_kv_heads) * d): queries first,
// then keys, then values -> (B, T, H * d).
Tensor packed_attention(const Tensor& qkv, int64_t num_heads, const Mask& mask = {},
                        const AttentionOptions& options = {});

// The same for continuations, without derivatives: q (B, Tq, H * d) attends to the first `length` rows of k and v
// (B, capacity, W), the last of which stands where the last query does.
Tensor cached_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t length, int64_t num_heads,
                        const Mask& mask, const AttentionOptions& options);

// Rotary position embedding (Su et al. 2021): x (B, T, W), whose first `num_heads` * `head_size` columns are heads,
// each of which turns the pair of its columns (j, j + head_size / 2) by the angle (offset + t) * base^(-2 j /
// head_size); what lies behind them stays. The pairing is that of GPT-NeoX and of Hugging Face's Llama. Linear in x.
struct RotaryOptions {
  double base = 10000.0;
  int64_t offset = 0;  // the position of the first row
};
Tensor rotary(const Tensor& x, int64_t num_heads, int64_t head_size, const RotaryOptions& options = {});

// (B, T, H * d) -> (B, H, T, d), and back.
Tensor split_heads(const Tensor& x, int64_t num_heads);
Tensor merge_heads(const Tensor& x);

}  // namespace transformlet
