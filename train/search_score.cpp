#include "train/search_score.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "train/evaluation.h"
#include "train/search.h"

namespace transformlet {

int64_t edit_distance(std::span<const int32_t> a, std::span<const int32_t> b) {
  std::vector<int64_t> row(b.size() + 1);  // from the part of a so far to each beginning of b
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = std::exchange(row[0], static_cast<int64_t>(i) + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string SearchScore::in_words() const {
  return fmt::format("{}/{} sources right, token error rate {:.4g}", right, sources, token_error_rate());
}

SearchScore search_score(const Model& model, const Task& task, Split split, const std::vector<int64_t>& examples,
                         int64_t batch_size, int64_t beam) {
  const SourceToTarget& pairs = *task.source_to_target();
  std::vector<int64_t> sources;
  for (const int64_t example : examples) {
    if (!pairs.references(split, example).empty()) sources.push_back(example);
  }
  const SearchOptions options{.beam = beam, .max_length = task.sizes().max_length - 1, .boundary = pairs.boundary()};
  SearchScore score;
  for (const std::vector<int64_t>& some : in_batches(sources, batch_size)) {
    const Batch batch = task.evaluation_batch(split, some);
    const std::vector<std::vector<int32_t>> found = search(model, batch.source, batch.source_mask, options);
    for (size_t i = 0; i < some.size(); ++i) {
      int64_t least = -1, length = 0;
      for (const std::vector<int32_t>& reference : pairs.references(split, some[i])) {
        const int64_t edits = edit_distance(found[i], reference);
        if (least >= 0 && edits >= least) continue;
        least = edits;
        length = static_cast<int64_t>(reference.size());
      }
      score.edits += least;
      score.reference_tokens += length;
      score.right += least == 0;
      ++score.sources;
    }
  }
  return score;
}

}  // namespace transformlet
