// Writing a target for a source: the likeliest that a beam search finds.
#pragma once

#include <cstdint>
#include <vector>

#include "layers/model.h"

namespace transformlet {

struct SearchOptions {
  int64_t beam = 1;        // hypotheses that are kept for each source; 1: greedy, always the likeliest next token
  int64_t max_length = 0;  // tokens of a target, at most
  int32_t boundary = 0;    // the token that every target begins and ends with; it is not part of what is found
};

// For each source (B, Ts) the target that has the greatest log-probability of those that the beam meets, its end
// included; of equals the first. A target of max_length tokens must end there. With a beam of at least
// classes^max_length no target is passed over. An Error if a logit is not finite.
std::vector<std::vector<int32_t>> search(const Model& model, const Tokens& source, const Mask& source_mask,
                                         const SearchOptions& options);

}  // namespace transformlet
