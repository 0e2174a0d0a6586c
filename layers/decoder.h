// A decoder-only language model, as GPT-2 is (Radford et al. 2019): each position predicts what comes next.
#pragma once

#include "layers/encoder.h"
#include "layers/model.h"

namespace transformlet {

struct DecoderOptions {
  EncoderOptions blocks;                  // GPT's decoder block is the paper's encoder block under a causal mask
  Position position = Position::learned;  // of the embeddings; `blocks` may have positions inside attention
  double embedding_dropout = 0.0;
  int64_t window = 0;            // a position sees so many, itself included; 0: all before it
  bool tie_embeddings = true;    // the head's weight is the embedding's (Press and Wolf 2017)
  double init_deviation = 0.02;  // of embeddings and head; the blocks have their own initialisers
  std::optional<double> head_deviation = {};
};

// Causal whatever the mask: a position sees itself and what comes before. Under a pass with a cache it reads on behind
// what was read before. Where the task asks for the last places alone, logits of the others are zeros, unless somebody
// listens to the pass or it has a cache.
struct Decoder : Model {
  Decoder(const Scope& scope, const DecoderOptions& options, const ModelSizes& sizes);

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override;

  // ids (B, T) -> what the blocks are given (B, T, d_model)
  Tensor embed(const Tokens& ids, const Pass& pass) const;
  // The same of real vectors (B, T, features): their numbers multiply rows of the embedding, as those of one-hot
  // vectors would.
  Tensor embed(const Tensor& values, const Pass& pass) const;
  TensorList attention_maps(const Tokens& ids, const Mask& mask) const;

  Embedding embedding;
  Positions positions;
  Dropout embedding_dropout;
  int64_t window, asked_places;
  Encoder blocks;
  std::optional<Linear> head;  // without a bias, as in GPT-2; none: tied

 private:
  Mask own_mask(int64_t offset) const;
};

// GPT-2's weights at the start: normal, with a deviation of 0.02 there, but of 1 / sqrt(2 num_layers) of that for what
// is added to the residual stream, once in each of 2 num_layers sublayers.
BlockInitializers gpt2_initializers(int64_t num_layers, double deviation = 0.02);

}  // namespace transformlet
