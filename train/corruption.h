// Inputs with wrong tokens in them: how robust is a model?
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "layers/model.h"

namespace transformlet {

struct Corruption {
  double share = 0;  // of the input tokens
  RandomKey key{0};
};

// The inputs of these examples, of which each token, with the probability `share`, is replaced by another one of the
// vocabulary, each as likely as any; of the source, if there is one, otherwise of the ids. What happens to an example
// is a function of the key, its number and its length, whatever the batch. The inputs as they were are `other`.
ModelInputs corrupted(const ModelInputs& inputs, const Corruption& corruption, const ModelSizes& sizes,
                      const std::vector<int64_t>& examples);

}  // namespace transformlet
