// The keys that all models made of blocks share.
#pragma once

#include <optional>
#include <string>

#include "base/fields.h"
#include "layers/encoder.h"

namespace transformlet {

struct BlockConfig {
  int64_t num_layers = 1, num_heads = 1, num_kv_heads = 0, d_model = 32, d_ff = 64;
  std::string norm = "layer", norm_position = "post", activation = "relu", position = "sinusoidal",
              attention = "softmax";
  std::vector<int64_t> favoured_distances = {};
  double norm_epsilon = 1e-5, rotary_base = 10000.0, favour = 1.0, dropout = 0.0;
  std::optional<double> attention_dropout = {}, residual_dropout = {};
  bool bias = true, feed_forward = true, skip = true;

  void describe(Fields& field);

  // The width of the hidden layer: d_ff, or 4 d_model if that is 0; of a gated activation 8/3 d_model, rounded up to a
  // multiple of 8, for as many parameters.
  int64_t hidden_width() const;
  EncoderOptions options() const;
  Position position_of_embeddings() const;  // none: positions are told inside attention, if at all
};

}  // namespace transformlet
