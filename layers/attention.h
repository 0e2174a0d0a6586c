// Multi-head attention (Vaswani et al. 2017, section 3.2.2).
#pragma once

#include "autograd/attention.h"
#include "layers/basic.h"

namespace transformlet {

// linear: the weights are the scores, scale * q k, without a softmax (Gopalani and Hu 2025); 0 where a query may not
// attend.
enum class AttentionKind { softmax, linear };
inline const std::vector<std::string> attention_names = {"softmax", "linear"};

// Scores of linear attention are taken times `factor` where the key stands so many places before the query.
struct FavouredDistances {
  std::vector<int64_t> distances = {};
  double factor = 1;
};

struct MultiheadAttentionOptions {
  int64_t d_model = 0;  // the embedding width, shared out among the heads
  int64_t num_heads = 1;
  int64_t input_width = 0;   // of x and memory; 0: d_model
  int64_t num_kv_heads = 0;  // heads of keys and values, each shared by several of queries; 0: num_heads
  // Positions inside attention: rotary queries and keys, or ALiBi's slopes.
  bool rotary = false, alibi = false;
  double rotary_base = 10000.0;
  std::optional<double> scale = {};             // of scores; none: 1 / sqrt(head size)
  AttentionKind kind = AttentionKind::softmax;  // linear: without dropout, ALiBi and shared heads
  FavouredDistances favoured = {};
  double dropout = 0.0;  // on the weights
  bool bias = true;
  // Of the packed projection: one fan over the whole matrix, as in the common tutorial and in PyTorch. In three parts,
  // one for each of queries, keys and values, as the paper means it, the bound is sqrt(2) times as large.
  Initializer qkv_initializer = xavier_uniform();
  Initializer out_initializer = xavier_uniform();
};

// x (B, T, input_width) -> (B, T, d_model): out(concatenated heads of attention(q, k, v)), with q, k and v from one
// packed projection qkv.weight (3 * d_model, input_width): queries first, then keys, then values; head h has the
// columns [h * d, (h + 1) * d) of each. With fewer heads of keys and values than of queries, their parts are narrower.
// Taps: q, k and v, after rotary positions, (B, heads, T, d); weights, after the softmax, (B, num_heads, Tq, Tk);
// heads, each one's output before the out projection, (B, num_heads, Tq, d); values, the same side by side, (B, Tq,
// d_model). The same function as PyTorch's nn.MultiheadAttention (but for the meaning of boolean masks: see
// autograd/mask.h).
struct MultiheadAttention {
  MultiheadAttention(const Scope& scope, const MultiheadAttentionOptions& options);

  // Self-attention.
  Tensor operator()(const Tensor& x, const Mask& mask, const Pass& pass) const;
  // Cross-attention: queries from x (B, Tq, input_width), keys and values from memory (B, Tk, input_width).
  Tensor operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Pass& pass) const;

  struct Result {
    Tensor output;   // (B, Tq, d_model)
    Tensor weights;  // (B, num_heads, Tq, Tk): after the softmax, before dropout
  };
  Result with_weights(const Tensor& x, const Mask& mask, const Pass& pass) const;
  Result with_weights(const Tensor& x, const Tensor& memory, const Mask& mask, const Pass& pass) const;

  std::string path;
  MultiheadAttentionOptions options;
  Linear qkv, out;

 private:
  struct Projected {
    Tensor q, k, v;  // (B, T, d_model)
  };
  int64_t head_size() const { return options.d_model / options.num_heads; }
  Tensor project_packed(const Tensor& x, const Pass& pass) const;  // with its positions in it
  Projected split(const Tensor& packed) const;
  Projected project(const Tensor& x, const Tensor& memory) const;
  Projected tapped(const Projected& projected, const Pass& pass) const;
  AttentionOptions attention_options(const Pass& pass) const;
  Tensor continue_from_cache(const Projected& projected, const Mask& mask, const Pass& pass) const;
  Result attend(const Projected& projected, const Mask& mask, const Pass& pass) const;
  Tensor finish(const Tensor& values, const Pass& pass) const;
};

}  // namespace transformlet
