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

}  // namespace

int32_t sample(const std::vector<double>& logits, const SamplingOptions& options, double u) {
  require(std::all_of(logits.begin(), logits.end(), [](double x) { return std::isfinite(x); }),
          "generate: a logit is not finite; the model's weights are no good");
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](int32_t token) { return logits[static_cast<size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logit(a) > logit(b); });
  if (options.temperature == 0) return order.front();
  if (options.top_k > 0) order.resize(std::min(order.size(), static_cast<size_t>(options.top_k)));
  std::vector<double> weights;
  for (const int32_t token : order)
    weights.push_back(std::exp((logit(token) - logit(order.front())) / options.temperature));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  // The shortest head of the list that holds top_p of all.
  double sum = 0;
  size_t kept = 0;
  while (kept < weights.size() && (kept == 0 || sum < options.top_p * all)) sum += weights[kept++];
  double left = u * sum;
  for (size_t i = 0; i + 1 < kept; ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[kept - 1];
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
