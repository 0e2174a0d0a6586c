// Writing on: what a language model says after a prompt, token by token.
#pragma once

#include <functional>
#include <vector>

#include "layers/model.h"

namespace transformlet {

struct SamplingOptions {
  double temperature = 1.0;  // logits are divided by it; 0: always the likeliest token (of equals the first)
  int64_t top_k = 0;         // only the k likeliest tokens may be drawn (of equals the first); 0: all
  double top_p = 1.0;        // only the likeliest tokens whose probabilities add up to p (Holtzman et al. 2020)
};

// The token that is drawn from one row of logits with a number u in [0, 1). An Error if a logit is not finite.
int32_t sample(const std::vector<double>& logits, const SamplingOptions& options, double u);

struct GenerationOptions {
  SamplingOptions sampling = {};
  int64_t max_tokens = 200;
  uint64_t seed = 0;
  bool cache = true;  // keys and values of what was read are kept; without, everything is read again for each token
};

// Calls on_token with each new token until max_tokens are written or it returns false. The token after n others is a
// function of the seed, n and what stands before it. A model reads at most `max_length` tokens: of longer texts the
// last ones. With and without a cache the same tokens come out.
void generate(const Model& model, int64_t max_length, std::vector<int32_t> prompt, const GenerationOptions& options,
              const std::function<bool(int32_t token)>& on_token);

}  // namespace transformlet
