// A judgement on a sequence as a whole: embedding, positions, encoder blocks, one vector, head.
#pragma once

#include "layers/encoder.h"
#include "layers/model.h"

namespace transformlet {

// How a sequence becomes one vector: the mean of its tokens that are no padding, or what stands at its first place (a
// [CLS] token that the model puts there itself; Devlin et al. 2019).
enum class Pooling { mean, cls };

struct ClassifierOptions {
  EncoderOptions blocks;
  Position position = Position::learned;
  Pooling pooling = Pooling::mean;
  double embedding_dropout = 0.0;
};

// ids (B, T) -> logits (B, classes). Padding is told by the mask's lengths alone.
struct Classifier : Model {
  Classifier(const Scope& scope, const ClassifierOptions& options, const ModelSizes& sizes);

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override;

  ClassifierOptions options;
  Embedding embedding;
  Tensor cls;  // (1, 1, d_model); undefined: the mean is taken
  Positions positions;
  Dropout embedding_dropout;
  Encoder encoder;
  Linear head;
};

}  // namespace transformlet
