// Sequence to sequence (Vaswani et al. 2017): an encoder reads the source, a decoder that attends to it writes the
// target.
#pragma once

#include "layers/encoder.h"
#include "layers/model.h"

namespace transformlet {

// Self-attention, attention to the memory, feed-forward layer: the same function as PyTorch's
// nn.TransformerDecoderLayer.
// Taps as EncoderBlock's, and between middle and feed_forward_output: cross_attention_output, and cross_middle behind
// it.
struct CrossBlock {
  CrossBlock(const Scope& scope, const EncoderOptions& options);

  // x (B, T, d_model), memory (B, Ts, d_model) -> (B, T, d_model)
  Tensor operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Mask& memory_mask,
                    const Pass& pass) const;

  std::string path;
  NormPosition norm_position;
  bool skip;
  MultiheadAttention attention, cross_attention;
  std::optional<FeedForward> feed_forward;
  Norm attention_norm, cross_attention_norm;
  std::optional<Norm> feed_forward_norm;
  Dropout attention_dropout, cross_attention_dropout, feed_forward_dropout;
};

struct EncoderDecoderOptions {
  EncoderOptions encoder, decoder;
  Position position = Position::sinusoidal;
  double embedding_dropout = 0.0;
  bool tie_embeddings = true;  // the head's weight is the target embedding's
};

// The target is read causally, whatever its mask; the source under its own.
struct EncoderDecoder : Model {
  EncoderDecoder(const Scope& scope, const EncoderDecoderOptions& options, const ModelSizes& sizes);

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override;

  // The two halves: source (B, Ts) -> memory (B, Ts, d_model); target (B, T) and memory -> logits (B, T, classes).
  // Under a pass with a cache, decode() reads on behind what it has read before.
  Tensor read(const Tokens& source, const Mask& mask, const Pass& pass) const override;
  Tensor decode(const Tokens& target, const Tensor& memory, const Mask& mask, const Mask& memory_mask,
                const Pass& pass) const;

  Embedding source_embedding;
  Positions source_positions;
  Dropout source_dropout;
  Encoder encoder;
  Embedding embedding;
  Positions positions;
  Dropout embedding_dropout;
  std::vector<CrossBlock> blocks;
  std::optional<Norm> final_norm;
  std::optional<Linear> head;  // none: tied

 private:
  double embedding_scale_;
};

}  // namespace transformlet
