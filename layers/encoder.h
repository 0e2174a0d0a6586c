// The encoder of a transformer: blocks of attention and feed-forward layers (Vaswani et al. 2017, section 3.1).
#pragma once

#include <optional>
#include <vector>

#include "layers/attention.h"
#include "layers/model.h"

namespace transformlet {

// Where the norms stand. post: norm(x + sublayer(x)), as in the paper; pre: x + sublayer(norm(x)) (Xiong et al. 2020).
enum class NormPosition { post, pre };

// How the weights of a block begin.
struct BlockInitializers {
  Initializer qkv = xavier_uniform(), up = xavier_uniform();
  Initializer residual = xavier_uniform();  // of what is added to the residual stream: attention.out, feed_forward.down
};

struct EncoderOptions {
  int64_t num_layers = 1, num_heads = 1, d_model = 32, d_ff = 64;
  int64_t num_kv_heads = 0;  // 0: num_heads
  NormKind norm = NormKind::layer;
  double norm_epsilon = 1e-5;
  NormPosition norm_position = NormPosition::post;
  Activation activation = Activation::relu;
  bool rotary = false, alibi = false;  // positions inside attention
  double rotary_base = 10000.0;
  std::optional<double> attention_scale = {};  // of scores; none: 1 / sqrt(head size)
  AttentionKind attention = AttentionKind::softmax;
  FavouredDistances favoured = {};
  double dropout = 0.0;                                                 // of attention weights and sublayers' outputs,
  std::optional<double> attention_dropout = {}, residual_dropout = {};  // unless these say otherwise
  bool hidden_dropout = true;  // the same of the feed-forward layer's hidden units
  bool final_norm = false;     // one more norm at the end of the stack, as pre-norm stacks usually have
  bool bias = true;            // in linear layers and norms
  bool feed_forward = true;    // false: blocks of attention alone (Elhage et al. 2021)
  bool skip = true;            // false: a sublayer's output replaces its input (Dong et al. 2021)
  BlockInitializers initializers = {};
};

// Of the sublayers of a block.
MultiheadAttentionOptions attention_options(const EncoderOptions& options);
FeedForwardOptions feed_forward_options(const EncoderOptions& options);

// The same function as PyTorch's nn.TransformerEncoderLayer.
// Taps, each (B, T, d_model): input; attention_output and feed_forward_output, which are added to the residual stream;
// middle, between the two; output. With those of attention, and feed_forward.hidden (B, T, d_ff).
struct EncoderBlock {
  EncoderBlock(const Scope& scope, const EncoderOptions& options);

  // x (B, T, d_model) -> (B, T, d_model), or (B, asked_places, d_model): the last places of it, if that is not 0.
  Tensor operator()(const Tensor& x, const Mask& mask, const Pass& pass, int64_t asked_places = 0) const;

  // The block and its parts, for checks.
  std::vector<NamedLayer> layers() const;

  // In the order of the forward pass, which is the parameters' order too. A sublayer has one norm, on one of its sides,
  // or none.
  std::string path;
  bool skip;
  std::optional<Norm> attention_pre_norm;
  MultiheadAttention attention;
  Dropout attention_dropout;
  std::optional<Norm> attention_post_norm;
  std::optional<Norm> feed_forward_pre_norm;
  std::optional<FeedForward> feed_forward;
  Dropout feed_forward_dropout;
  std::optional<Norm> feed_forward_post_norm;

 private:
  Tensor add(const Tensor& x, const Tensor& sublayer) const { return skip ? x + sublayer : sublayer; }
};

struct Encoder {
  Encoder(const Scope& scope, const EncoderOptions& options);

  // With asked_places the last places alone, for which the last block transforms no others.
  Tensor operator()(Tensor x, const Mask& mask, const Pass& pass, int64_t asked_places = 0) const;

  // The attention weights of every layer, each (B, num_heads, T, T), under the mask that the forward pass has.
  TensorList attention_maps(const Tensor& x, const Mask& mask) const;

  std::vector<NamedLayer> layers() const;

  std::string path;
  std::vector<EncoderBlock> blocks;
  std::optional<Norm> final_norm;
};

// How many numbers a training step keeps for each token in such a stack, at most.
double activations_per_token(const EncoderOptions& options, bool recompute);

// The multiplications and additions in the matrix products of a forward pass of such a stack over one sequence, whose
// tokens see each other in so many pairs (Mask::pairs).
double product_operations(const EncoderOptions& options, int64_t length, double pairs, int64_t asked_places = 0);
// The same of one attention layer of such a stack, whose queries come from `tokens`, keys and values from
// `memory_tokens`.
double attention_operations(const EncoderOptions& options, double tokens, double memory_tokens, double pairs);

// The same of a training step, with respect to both operands: the backward pass has two products for each of the
// forward pass's.
constexpr double forward_and_backward = 3, with_recomputation = 4;

// Collects the activations whose names end in the given word, in the order in which they come.
class Collector : public Tap {
 public:
  explicit Collector(std::string ending) : ending_(std::move(ending)) {}
  bool wants(std::string_view name) const override { return name.ends_with(ending_); }
  Tensor receive(std::string_view name, const Tensor& x) override;

  const std::vector<std::string>& names() const { return names_; }
  const TensorList& activations() const { return activations_; }

 private:
  std::string ending_;
  std::vector<std::string> names_;
  TensorList activations_;
};

}  // namespace transformlet
