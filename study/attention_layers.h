// Where a model has attention, and under which masks: of the encoder, decoder, encoder-decoder and classifier, in the
// order of the forward pass. Of other models there is none to tell of.
#pragma once

#include <vector>

#include "layers/attention.h"
#include "layers/model.h"

namespace transformlet {

struct AttentionLayer {
  const MultiheadAttention* attention = nullptr;
  Mask mask = {};                                    // of the forward pass on the inputs that were given
  bool queries_source = false, keys_source = false;  // they are places of the source
  int64_t in_front = 0;                              // places before those of the inputs: a classifier's [CLS]

  bool is_cross() const { return queries_source != keys_source; }
};

// They refer to the model.
std::vector<AttentionLayer> attention_layers(const Model& model, const ModelInputs& inputs);

}  // namespace transformlet
