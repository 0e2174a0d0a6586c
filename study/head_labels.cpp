#include "study/head_labels.h"

#include <cmath>

namespace transformlet {
namespace {

enum Kind : size_t { previous, next, diagonal, anti_diagonal, first, induction, same_token, uniform };
constexpr const char* words[] = {"previous", "next",      "diagonal",   "anti-diagonal",
                                 "first",    "induction", "same token", "uniform"};
constexpr double least_score = 0.4, least_uniform = 0.95;
constexpr int64_t least_queries = 3;

}  // namespace

void HeadScores::add(const float* weights, int64_t queries, int64_t keys, const Mask& mask, int64_t head,
                     const std::vector<int32_t>& ids, bool is_cross) {
  for (int64_t query = 0; query < queries; ++query) {
    const float* const row = weights + query * keys;
    const auto sees = [&](int64_t key) { return key >= 0 && key < keys && mask.may_attend(0, head, query, key); };
    double entropy = 0, followed = 0, same = 0;
    int64_t seen = 0, followers = 0, sames = 0;
    for (int64_t key = 0; key < keys; ++key) {
      if (!sees(key)) continue;
      ++seen;
      const double weight = row[key];
      if (weight > 0) entropy -= weight * std::log(weight);
      if (ids.empty() || is_cross) continue;
      const auto id = [&](int64_t place) { return ids[static_cast<size_t>(place)]; };
      if (key > 0 && key < query && id(key - 1) == id(query)) {
        followed += weight;
        ++followers;
      }
      if (key != query && id(key) == id(query)) {
        same += weight;
        ++sames;
      }
    }
    if (seen < 2) continue;
    count(uniform, entropy / std::log(static_cast<double>(seen)));
    if (sees(query)) count(diagonal, row[query]);
    if (!mask.is_causal() && sees(keys - 1 - query)) count(anti_diagonal, row[keys - 1 - query]);
    if (query > 0 && sees(0)) count(first, row[0]);
    if (is_cross) continue;
    if (query > 0 && sees(query - 1)) count(previous, row[query - 1]);
    if (sees(query + 1)) count(next, row[query + 1]);
    if (followers > 0) count(induction, followed);
    if (sames > 0) count(same_token, same);
  }
}

HeadLabel HeadScores::label() const {
  HeadLabel result{.label = "mixed"};
  for (size_t kind = 0; kind < sums_.size(); ++kind) {
    if (queries_[kind] < least_queries) continue;
    const double score = sums_[kind] / static_cast<double>(queries_[kind]);
    result.scores.emplace_back(words[kind], score);
    const bool counts = kind == uniform ? score >= least_uniform : score >= least_score && score > result.score;
    if (!counts) continue;
    result.label = words[kind];
    result.score = score;
  }
  return result;
}

}  // namespace transformlet
