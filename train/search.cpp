#include "train/search.h"

#include <algorithm>
#include <cmath>

namespace transformlet {
namespace {

struct Hypothesis {
  std::vector<int32_t> tokens;  // without boundaries
  double log_probability = 0;
};

// The search for one source.
struct Beam {
  int64_t source;
  std::vector<Hypothesis> open = {{}};  // the likeliest first; all of one length
  Hypothesis best = {{}, -INFINITY};    // of those that have ended

  // What is open can only become less likely.
  bool is_over() const { return open.empty() || open.front().log_probability <= best.log_probability; }

  // Takes the open hypotheses one token further: `next` holds a row of log-probabilities for each.
  void advance(const double* next, int64_t classes, const SearchOptions& options);
};

void Beam::advance(const double* next, int64_t classes, const SearchOptions& options) {
  struct Candidate {
    double log_probability;
    size_t from;
    int32_t token;
  };
  const bool must_end = static_cast<int64_t>(open.front().tokens.size()) == options.max_length;
  std::vector<Candidate> candidates;
  for (size_t from = 0; from < open.size(); ++from) {
    for (int32_t token = 0; token < classes; ++token, ++next) {
      if (must_end && token != options.boundary) continue;
      candidates.push_back({open[from].log_probability + *next, from, token});
    }
  }
  // An end takes no place from those that go on, so twice the beam is enough to fill it.
  const auto kept = std::min(static_cast<int64_t>(candidates.size()), 2 * options.beam);
  std::partial_sort(
      candidates.begin(), candidates.begin() + kept, candidates.end(), [](const Candidate& a, const Candidate& b) {
        return std::tuple(-a.log_probability, a.from, a.token) < std::tuple(-b.log_probability, b.from, b.token);
      });
  candidates.resize(static_cast<size_t>(kept));

  std::vector<Hypothesis> longer;
  for (size_t rank = 0; rank < candidates.size(); ++rank) {
    const Candidate& candidate = candidates[rank];
    std::vector<int32_t> tokens = open[candidate.from].tokens;
    if (candidate.token != options.boundary) {
      tokens.push_back(candidate.token);
      if (static_cast<int64_t>(longer.size()) < options.beam)
        longer.push_back({std::move(tokens), candidate.log_probability});
    } else if (static_cast<int64_t>(rank) < options.beam && candidate.log_probability > best.log_probability) {
      best = {std::move(tokens), candidate.log_probability};
    }
  }
  open = std::move(longer);
}

// The log-probabilities of what comes next after each open hypothesis: (rows, classes).
Tensor next_log_probabilities(const Model& model, const std::vector<Beam>& beams, const Tensor& memory,
                              const int64_t* source_lengths, const SearchOptions& options) {
  std::vector<int32_t> ids, sources;
  std::vector<int64_t> lengths;
  for (const Beam& beam : beams) {
    for (const Hypothesis& hypothesis : beam.open) {
      ids.push_back(options.boundary);
      ids.insert(ids.end(), hypothesis.tokens.begin(), hypothesis.tokens.end());
      sources.push_back(static_cast<int32_t>(beam.source));
      if (source_lengths != nullptr) lengths.push_back(source_lengths[beam.source]);
    }
  }
  const auto rows = static_cast<int64_t>(sources.size());
  const int64_t length = static_cast<int64_t>(ids.size()) / rows;
  const Shape of_row{memory.dim(1), memory.dim(2)};
  const Tensor memories =
      reshape(gather_rows(reshape(memory, {memory.dim(0), of_row.size()}), Tokens(std::move(sources), {rows})),
              {rows, of_row[0], of_row[1]});
  const Tensor logits = model({.ids = Tokens(std::move(ids), {rows, length}),
                               .source_mask = lengths.empty() ? Mask::none() : Mask::padding(std::move(lengths)),
                               .memory = memories},
                              Pass::evaluation());
  return log_softmax(slice(logits, 1, length - 1, length));
}

}  // namespace

std::vector<std::vector<int32_t>> search(const Model& model, const Tokens& source, const Mask& source_mask,
                                         const SearchOptions& options) {
  require(source.shape().rank() == 2, "search: the source must be of shape (batch, length), not {}", source.shape());
  require(options.beam >= 1, "search: a beam of {}; at least 1 is needed", options.beam);
  require(!source_mask.is_causal() && source_mask.dense_data() == nullptr,
          "search: of masks on the source, only padding goes with it");
  const NoRecording off;
  const Tensor memory = model.read(source, source_mask, Pass::evaluation());
  std::vector<Beam> beams;
  for (int64_t i = 0; i < source.shape()[0]; ++i) beams.push_back({i});
  std::vector<std::vector<int32_t>> found(beams.size());
  while (!beams.empty()) {
    const Tensor next = next_log_probabilities(model, beams, memory, source_mask.lengths(), options);
    const int64_t classes = next.columns();
    const std::vector<double> rows = next.to_vector();
    require(std::all_of(rows.begin(), rows.end(), [](double x) { return !std::isnan(x); }),
            "search: a logit is not finite; the model's weights are no good");
    const double* row = rows.data();
    for (Beam& beam : beams) {
      const auto count = static_cast<int64_t>(beam.open.size());
      beam.advance(row, classes, options);
      row += count * classes;
      if (beam.is_over()) found[static_cast<size_t>(beam.source)] = std::move(beam.best.tokens);
    }
    std::erase_if(beams, [](const Beam& beam) { return beam.is_over(); });
  }
  return found;
}

}  // namespace transformlet
