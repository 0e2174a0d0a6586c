// A decoder's feed-forward layers as memories of keys and values (Geva et al. 2021, "Transformer Feed-Forward Layers
// Are Key-Value Memories"; 2022, "Transformer Feed-Forward Layers Build Predictions by Promoting Concepts in the
// Vocabulary Space"). A hidden unit's key is what its input is compared with, its coefficient is what comes of that
// (the activation `hidden`; of gated layers the product), and its value is its column of feed_forward.down.
#pragma once

#include <vector>

#include "layers/decoder.h"

namespace transformlet {

struct Memory {
  struct Trigger {
    int64_t token;  // its place in the examples: sample * T + position
    double coefficient;
  };
  struct Promoted {
    int32_t id;
    double logit;  // that a coefficient of 1 adds, above the mean of all classes, if the final norm's scale is 1
  };

  int64_t unit;
  double size;                     // of what it writes: the mean of |coefficient| over tokens, times the value's length
  std::vector<Trigger> triggers;   // tokens with the largest coefficients, those above 0, the largest first
  std::vector<Promoted> promoted;  // classes with the largest logits, the largest first
};

// Of each hidden unit of a block, with at most so many triggers and promoted classes each. Padding triggers nothing. Of
// equals the first comes first. Cost: a forward pass, and the product (d_ff, d_model) x (d_model, classes).
std::vector<Memory> key_value_memories(const Decoder& decoder, const ModelInputs& examples, int64_t block,
                                       int64_t most);

// The share of memories whose first promoted class is the target of their first trigger, of those that have both: Geva
// et al.'s agreement rate. Nothing: none has.
std::optional<double> agreement(const std::vector<Memory>& memories, const Tokens& targets);

}  // namespace transformlet
