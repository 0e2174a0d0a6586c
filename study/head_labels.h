// What an attention head does, in a word, by how much of its weight lies where such a head would put it. Each score is
// a mean over the queries that see at least two keys (one key leaves no choice); T keys, query i:
//
//   previous        weight on key i - 1, over queries but the first
//   next            on key i + 1, over queries that see it
//   diagonal        on key i
//   anti-diagonal   on key T - 1 - i, over queries that see it; not under a causal mask, which hides half of them
//   first           on key 0, over queries but the first
//   induction       on the keys that followed the query's own token earlier in the sequence, over queries whose token
//                   was there before (Olsson et al. 2022: prefix matching, as the probe `attention` measures it)
//   same token      on other keys with the query's own token, over queries that see such
//   uniform         entropy of the weights over the logarithm of the number of keys seen
//
// Of cross-attention, whose keys are another sequence's, previous, next, induction and same token have no meaning. The
// label is the word with the greatest score of at least 0.4, but `uniform` from 0.95 on wins over all: else "mixed".
// A score needs 3 queries to count. Cost: none beside the weights; attention without a softmax has no labels.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/mask.h"

namespace transformlet {

struct HeadLabel {
  std::string label;
  double score = 0;
  std::vector<std::pair<std::string, double>> scores = {};  // of what could be measured
};

// Adds up what one head does on examples.
class HeadScores {
 public:
  HeadScores() : sums_(8), queries_(8) {}

  // weights (queries, keys), of which `mask` (for sample 0 and the given head) allows some. `ids` are those of the
  // queries and keys in self-attention: empty, where they are not tokens or it is cross-attention.
  void add(const float* weights, int64_t queries, int64_t keys, const Mask& mask, int64_t head,
           const std::vector<int32_t>& ids, bool is_cross);
  HeadLabel label() const;

 private:
  void count(size_t kind, double weight) {
    sums_[kind] += weight;
    ++queries_[kind];
  }

  std::vector<double> sums_;
  std::vector<int64_t> queries_;
};

}  // namespace transformlet
