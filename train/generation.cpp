#include "train/generation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace transformlet {
namespace {

// The logits of what comes after the last of these tokens.
std::vector<double> next_logits(const Model& model, std::vector<int32_t> tokens, const Pass& pass) {
  const auto length = static_cast<int64_t>(tokens.size());
  const Tensor logits = model(Tokens(std::move(tokens), {1, length}), {}, pass);
  require(logits.rank() == 3, "this model does not predict what comes next: its logits are {}", logits);
  return slice(logits, 1, length - 1, length).to_vector();
}

// The tokens, the likeliest first, and of equals the first: in order only as far as anybody asks. A draw mostly ends
// among the first few, and to sort a large vocabulary takes longer than a small model does.
class Ranking {
 public:
  explicit Ranking(const std::vector<double>& logits) : logits_(logits), order_(logits.size()) {
    std::iota(order_.begin(), order_.end(), 0);
  }

  int32_t token(size_t rank) {
    while (rank >= sorted_) sort_more();
    return order_[rank];
  }
  double logit(size_t rank) { return logits_[static_cast<size_t>(token(rank))]; }

 private:
  void sort_more() {
    const auto likelier = [&](int32_t a, int32_t b) {
      const double first = logits_[static_cast<size_t>(a)], second = logits_[static_cast<size_t>(b)];
      return first != second ? first > second : a < b;
    };
    const size_t end = std::min(order_.size(), std::max<size_t>(64, 4 * sorted_));
    const auto from = order_.begin() + static_cast<int64_t>(sorted_), to = order_.begin() + static_cast<int64_t>(end);
    if (to != order_.end()) std::nth_element(from, to, order_.end(), likelier);
    std::sort(from, to, likelier);
    sorted_ = end;
  }

  const std::vector<double>& logits_;
  std::vector<int32_t> order_;
  size_t sorted_ = 0;
};

}  // namespace

int32_t sample(const std::vector<double>& logits, const SamplingOptions& options, double u) {
  require(std::all_of(logits.begin(), logits.end(), [](double x) { return std::isfinite(x); }),
          "generate: a logit is not finite; the model's weights are no good");
  if (options.temperature == 0) {
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  Ranking ranking(logits);
  const double highest = ranking.logit(0);
  const auto weight = [&](double logit) { return std::exp((logit - highest) / options.temperature); };
  const size_t size = logits.size(), most = options.top_k > 0 ? static_cast<size_t>(options.top_k) : size;
  size_t kept = std::min(size, most);
  double sum = 0;
  if (kept == size) {
    for (const double logit : logits) sum += weight(logit);
  } else {
    for (size_t rank = 0; rank < kept; ++rank) sum += weight(ranking.logit(rank));
  }
  if (options.top_p < 1) {  // the shortest head of the list that holds top_p of all
    const double enough = options.top_p * sum;
    const size_t candidates = kept;
    sum = 0;
    for (kept = 0; kept < candidates && (kept == 0 || sum < enough); ++kept) sum += weight(ranking.logit(kept));
  }
  double left = u * sum;
  int32_t token = ranking.token(0);
  for (size_t rank = 0; rank < kept && left >= 0; ++rank) {
    const double share = weight(ranking.logit(rank));
    if (share == 0) break;  // what is left is rounding
    token = ranking.token(rank);
    left -= share;
  }
  return token;
}

void generate(const Model& model, int64_t max_length, std::vector<int32_t> prompt, const GenerationOptions& options,
              const std::function<bool(int32_t token)>& on_token) {
  require(!prompt.empty(), "generate: the prompt is empty; a model writes on from at least one token");
  const NoRecording off;
  KeyValueCache cache(max_length);
  std::vector<int32_t> text = std::move(prompt);
  const auto last = [&](int64_t count) { return std::vector<int32_t>(text.end() - count, text.end()); };
  int64_t unread = static_cast<int64_t>(text.size());  // of the last tokens, how many the cache does not hold
  for (int64_t written = 0; written < options.max_tokens; ++written) {
    const int64_t readable = std::min(static_cast<int64_t>(text.size()), max_length);
    std::vector<double> logits;
    if (options.cache) {
      if (cache.length() + unread > max_length) {  // the window moves on: every position changes
        cache.clear();
        unread = readable;
      }
      logits = next_logits(model, last(unread), Pass::evaluation().with_cache(cache));
      cache.advance(unread);
    } else {
      logits = next_logits(model, last(readable), Pass::evaluation());
    }
    RandomStream stream(RandomKey(options.seed) / "generate" / written);
    const int32_t token = sample(logits, options.sampling, stream.uniform());
    text.push_back(token);
    unread = 1;
    if (!on_token(token)) return;
  }
}

}  // namespace transformlet
