// What a decoder's head is given, as a sum over what wrote to the residual stream: direct logit attribution (Elhage et
// al. 2021, "A Mathematical Framework for Transformer Circuits"; the final norm is linear once its scale is fixed).
#pragma once

#include <string>
#include <vector>

#include "layers/decoder.h"

namespace transformlet {

struct LogitParts {
  // "embedding" (with positions), "decoder.blocks.0.attention", "decoder.blocks.0.feed_forward" ..., and
  // "decoder.final_norm.bias" where there is one.
  std::vector<std::string> names;
  TensorList parts;  // each (B, T, d_model), behind the final norm: their sum is the head's input
};

// Each part's logits are its product with the head's weight, and they add up to the model's. An Error for a decoder
// whose norms stand after its sublayers, which rescale the stream on the way. Cost: a forward pass.
LogitParts logit_parts(const Decoder& decoder, const ModelInputs& examples);

// (classes, d_model): of the head, or of the embedding that it is tied to.
const Tensor& unembedding(const Decoder& decoder);

// What the decoder would say if x (B, T, d_model) were what its blocks leave in the residual stream: the logits of the
// final norm, if there is one, and the head.
Tensor logits_of_stream(const Decoder& decoder, const Tensor& x);

// x (..., d_model) as the final norm hands it on, but for its scale and its bias: centred if it is LayerNorm, times the
// gain. Where norms come after sublayers there is none: x itself. The dtype is x's.
Tensor through_final_norm(const Decoder& decoder, const Tensor& x);

}  // namespace transformlet
