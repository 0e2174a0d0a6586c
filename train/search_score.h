// How good the targets are that a search writes.
#pragma once

#include <span>

#include "train/task.h"

namespace transformlet {

// How many tokens must be put in, taken out or replaced to make one sequence the other (Levenshtein 1966).
int64_t edit_distance(std::span<const int32_t> a, std::span<const int32_t> b);

struct SearchScore {
  int64_t edits = 0;             // between what was written and the reference that is nearest to it
  int64_t reference_tokens = 0;  // of those references
  int64_t right = 0;             // sources for which a reference was written
  int64_t sources = 0;

  // Errors for each token of the references: of phonemes the phoneme error rate, of words the word error rate.
  double token_error_rate() const { return static_cast<double>(edits) / static_cast<double>(reference_tokens); }
  double exact() const { return static_cast<double>(right) / static_cast<double>(sources); }
  std::string in_words() const;
};

// Over the sources of these examples of a split; the task must be one that writes targets for sources.
SearchScore search_score(const Model& model, const Task& task, Split split, const std::vector<int64_t>& examples,
                         int64_t batch_size, int64_t beam);

}  // namespace transformlet
