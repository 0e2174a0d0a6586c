// A prediction for each position of a sequence: input projection or embedding, positions, encoder, output head.
#pragma once

#include "layers/encoder.h"
#include "layers/model.h"

namespace transformlet {

enum class Input { one_hot, embedding };

struct SequencePredictorOptions {
  EncoderOptions encoder;
  Position position = Position::sinusoidal;
  Input input = Input::one_hot;
  double input_dropout = 0.0;
};

struct SequencePredictor : Model {
  SequencePredictor(const Scope& scope, const SequencePredictorOptions& options, const ModelSizes& sizes);

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override;

  // ids (B, T) -> what the encoder is given (B, T, d_model)
  Tensor embed(const Tokens& ids, const Pass& pass) const;
  TensorList attention_maps(const Tokens& ids, const Mask& mask) const;

  SequencePredictorOptions options;
  ModelSizes sizes;
  Dropout input_dropout;
  std::optional<Linear> input_projection;  // one of these two
  std::optional<Embedding> embedding;
  Positions positions;
  Encoder encoder;
  Linear head_hidden;  // the head: Linear, LayerNorm, ReLU, Dropout, Linear
  LayerNorm head_norm;
  Dropout head_dropout;
  Linear head_out;
};

}  // namespace transformlet
