// Drawing tokens, and writing on with and without a cache.
#include "train/generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/random.h"
#include "layers/decoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

TEST(Sample, GreedyTakesTheFirstOfTheLikeliest) {
  EXPECT_EQ(sample({0.5, 2.0, -1.0, 2.0}, {.temperature = 0}, 0.99), 1);
  EXPECT_EQ(sample({3.0}, {.temperature = 0}, 0.0), 0);
}

// u runs through [0, 1) evenly, so each token comes as often as its probability says, to one part in 10,000.
std::map<int32_t, double> shares(const std::vector<double>& logits, const SamplingOptions& options) {
  std::map<int32_t, double> result;
  constexpr int draws = 10000;
  for (int i = 0; i < draws; ++i) result[sample(logits, options, (i + 0.5) / draws)] += 1.0 / draws;
  return result;
}

TEST(Sample, TokensComeAsOftenAsTheirProbability) {
  const std::vector<double> logits = {std::log(0.1), std::log(0.6), std::log(0.3)};
  std::map<int32_t, double> share = shares(logits, {});
  EXPECT_NEAR(share[0], 0.1, 2e-4);
  EXPECT_NEAR(share[1], 0.6, 2e-4);
  EXPECT_NEAR(share[2], 0.3, 2e-4);
  // Temperature 1/2 squares the probabilities: 0.01, 0.36, 0.09, of 0.46.
  share = shares(logits, {.temperature = 0.5});
  EXPECT_NEAR(share[0], 0.01 / 0.46, 2e-4);
  EXPECT_NEAR(share[1], 0.36 / 0.46, 2e-4);
}

TEST(Sample, TopKAndTopPCutTheTail) {
  const std::vector<double> logits = {std::log(0.1), std::log(0.5), std::log(0.25), std::log(0.15)};
  std::map<int32_t, double> share = shares(logits, {.top_k = 2});
  EXPECT_EQ(share.size(), 2u);
  EXPECT_NEAR(share[1], 0.5 / 0.75, 2e-4);
  // 0.5 + 0.25 < 0.8, so the third is needed too.
  share = shares(logits, {.top_p = 0.8});
  EXPECT_EQ(share.size(), 3u);
  EXPECT_EQ(share.count(0), 0u);
  EXPECT_NEAR(share[3], 0.15 / 0.9, 2e-4);
  EXPECT_EQ(shares(logits, {.top_p = 0.0}).size(), 1u);  // never less than one
  EXPECT_EQ(shares(logits, {.top_k = 9}).size(), 4u);
}

// What sample() means: all tokens in order, cut, and drawn from the top.
int32_t sample_as_defined(const std::vector<double>& logits, const SamplingOptions& options, double u) {
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

// Vocabularies small and large, with ties, and draws that end at the top, in the middle and far down.
TEST(Sample, DrawsWhatTheDefinitionSays) {
  RandomStream random(RandomKey(1) / "sample");
  std::set<int64_t> tokens;
  for (int i = 0; i < 4000; ++i) {
    std::vector<double> logits(static_cast<size_t>(1 + random.below(i % 4 == 0 ? 3000 : 70)));
    const double spread = 5 * random.uniform();
    for (double& logit : logits) logit = spread * random.normal();
    if (i % 3 == 0) {
      for (double& logit : logits) logit = std::round(logit);
    }
    const SamplingOptions options{.temperature = i % 5 == 0 ? 0 : 3 * random.uniform(),
                                  .top_k = i % 2 == 0 ? 0 : 1 + random.below(100),
                                  .top_p = i % 7 < 3 ? 1 : random.uniform()};
    const double u = i % 11 == 0 ? 1 - 1e-9 : random.uniform();
    const int32_t token = sample(logits, options, u);
    ASSERT_EQ(token, sample_as_defined(logits, options, u)) << i;
    tokens.insert(token);
  }
  EXPECT_GT(tokens.size(), 300u);
}

TEST(Sample, LogitsThatAreNotFiniteAreSaid) {
  EXPECT_THROW(sample({0.0, NAN}, {}, 0.5), Error);
  EXPECT_THROW(sample({INFINITY, 0.0}, {.temperature = 0}, 0.5), Error);
}

class Generation : public testing::TestWithParam<Position> {
 protected:
  std::vector<int32_t> write(GenerationOptions options, std::vector<int32_t> prompt = {3, 1, 4}) const {
    std::vector<int32_t> text;
    generate(model, 12, std::move(prompt), options, [&](int32_t token) {
      text.push_back(token);
      return true;
    });
    return text;
  }

  Parameters parameters;
  Decoder model{Scope(parameters, 1, DType::float64),
                {.blocks = {.num_layers = 2,
                            .num_heads = 2,
                            .d_model = 16,
                            .d_ff = 32,
                            .norm_position = NormPosition::pre,
                            .rotary = GetParam() == Position::none,
                            .final_norm = true},
                 .position = GetParam()},
                {.vocab_size = 11, .classes = 11, .max_length = 12}};
};

// Longer than the model reads at a time, so the window moves.
TEST_P(Generation, WithAndWithoutACacheTheSame) {
  for (const SamplingOptions& sampling :
       {SamplingOptions{.temperature = 0}, SamplingOptions{}, SamplingOptions{.temperature = 2.0, .top_k = 7}}) {
    const std::vector<int32_t> cached = write({.sampling = sampling, .max_tokens = 40, .seed = 5});
    EXPECT_EQ(cached.size(), 40u);
    EXPECT_EQ(cached, write({.sampling = sampling, .max_tokens = 40, .seed = 5, .cache = false}));
  }
  const std::vector<int32_t> prompt(30, 2);  // longer than the model reads
  EXPECT_EQ(write({.max_tokens = 5, .seed = 5}, prompt), write({.max_tokens = 5, .seed = 5, .cache = false}, prompt));
}

TEST_P(Generation, IsAFunctionOfTheSeed) {
  const GenerationOptions options{.max_tokens = 30, .seed = 1};
  EXPECT_EQ(write(options), write(options));
  EXPECT_NE(write(options), write({.max_tokens = 30, .seed = 2}));
}

TEST_P(Generation, StopsWhenItIsTold) {
  int count = 0;
  generate(model, 12, {1}, {.max_tokens = 50}, [&](int32_t) { return ++count < 7; });
  EXPECT_EQ(count, 7);
  EXPECT_THROW(generate(model, 12, {}, {}, [](int32_t) { return true; }), Error);
}

std::string scheme(const testing::TestParamInfo<Position>& info) {
  constexpr const char* names[] = {"rope", "sinusoidal", "learned"};
  return names[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Positions, Generation,
                         testing::Values(Position::none, Position::learned, Position::sinusoidal), scheme);

}  // namespace
}  // namespace transformlet
