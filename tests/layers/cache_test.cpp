// Reading with a cache of keys and values gives what reading everything at once gives, whatever tells the positions.
#include <gtest/gtest.h>

#include <algorithm>

#include "layers/decoder.h"
#include "layers/encoder_decoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Scheme {
  const char* name;
  Position position = Position::none;
  bool rotary = false, alibi = false;
  int64_t window = 0, num_kv_heads = 0;
  NormKind norm = NormKind::layer;
  bool feed_forward = true, skip = true;
  AttentionKind attention = AttentionKind::softmax;
};
void PrintTo(const Scheme& scheme, std::ostream* out) { *out << scheme.name; }

class CacheTest : public testing::TestWithParam<Scheme> {
 protected:
  static DecoderOptions options() {
    const Scheme& scheme = GetParam();
    return {.blocks = {.num_layers = 2,
                       .num_heads = 4,
                       .d_model = 16,
                       .d_ff = 24,
                       .num_kv_heads = scheme.num_kv_heads,
                       .norm = scheme.norm,
                       .norm_position = NormPosition::pre,
                       .activation = Activation::swiglu,
                       .rotary = scheme.rotary,
                       .alibi = scheme.alibi,
                       .attention = scheme.attention,
                       .favoured = {.distances = scheme.attention == AttentionKind::linear ? std::vector<int64_t>{2, 5}
                                                                                           : std::vector<int64_t>{},
                                    .factor = 3},
                       .final_norm = true,
                       .feed_forward = scheme.feed_forward,
                       .skip = scheme.skip},
            .position = scheme.position,
            .window = scheme.window};
  }
  static Tokens tokens(int64_t begin, int64_t end) {
    std::vector<int32_t> ids;
    for (int64_t sample = 0; sample < 2; ++sample) {
      for (int64_t i = begin; i < end; ++i) ids.push_back(static_cast<int32_t>((3 * i + 5 * sample + i * i) % 11));
    }
    return {ids, {2, end - begin}};
  }

  Parameters parameters;
  Decoder model{Scope(parameters, 1, DType::float64), options(), {.vocab_size = 11, .classes = 11, .max_length = 20}};
};

// A prompt at once, then tokens one by one, then several at once: after each pass the logits are those of the uncached
// model. float64: 1e-13 is rounding in another order of sums.
TEST_P(CacheTest, EveryStepEqualsReadingEverything) {
  const NoRecording off;
  const Tensor whole = model(tokens(0, 20), {}, Pass::evaluation());
  KeyValueCache cache(20);
  int64_t read = 0;
  for (const int64_t count : {5, 1, 1, 1, 7, 1, 3, 1}) {
    const Tensor step = model(tokens(read, read + count), {}, Pass::evaluation().with_cache(cache));
    EXPECT_LT(relative_distance(slice(whole, 1, read, read + count), step), 1e-13) << read;
    cache.advance(count);
    read += count;
  }
  EXPECT_EQ(cache.length(), 20);
  EXPECT_THROW(cache.advance(1), Error);
}

// The second sample ends after its sixth token: what comes behind is padding, which nobody sees in any pass.
TEST_P(CacheTest, PaddingStaysUnseen) {
  const NoRecording off;
  const auto mask = [](int64_t read) { return Mask::padding({read, std::min<int64_t>(6, read)}); };
  const Tensor whole = model(tokens(0, 20), mask(20), Pass::evaluation());
  EXPECT_GT(relative_distance(whole, model(tokens(0, 20), {}, Pass::evaluation())), 1e-3);
  KeyValueCache cache(20);
  for (const int64_t count : {5, 1, 1, 9, 1, 3}) {
    const int64_t read = cache.length();
    const Tensor step = model(tokens(read, read + count), mask(read + count), Pass::evaluation().with_cache(cache));
    EXPECT_LT(relative_distance(slice(whole, 1, read, read + count), step), 1e-13) << read;
    cache.advance(count);
  }
}

TEST_P(CacheTest, AnotherBatchCannotGoOn) {
  const NoRecording off;
  KeyValueCache cache(20);
  model(tokens(0, 5), {}, Pass::evaluation().with_cache(cache));
  cache.advance(5);
  try {
    model({{1}, {1, 1}}, {}, Pass::evaluation().with_cache(cache));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cache: a batch of 1 follows one of 2");
  }
  cache.clear();
  model({{1}, {1, 1}}, {}, Pass::evaluation().with_cache(cache));
}

// After clear() nothing of what was read before is left.
TEST_P(CacheTest, ClearedIsNew) {
  const NoRecording off;
  KeyValueCache used(20), fresh(20);
  model(tokens(3, 11), {}, Pass::evaluation().with_cache(used));
  used.advance(8);
  used.clear();
  const Tensor a = model(tokens(0, 4), {}, Pass::evaluation().with_cache(used));
  const Tensor b = model(tokens(0, 4), {}, Pass::evaluation().with_cache(fresh));
  EXPECT_TRUE(same_bits(a, b));
}

TEST_P(CacheTest, WhatDoesNotFitIsSaid) {
  const NoRecording off;
  KeyValueCache cache(6);
  model(tokens(0, 5), {}, Pass::evaluation().with_cache(cache));
  cache.advance(5);
  EXPECT_THROW(model(tokens(5, 7), {}, Pass::evaluation().with_cache(cache)), Error);
}

INSTANTIATE_TEST_SUITE_P(
    Schemes, CacheTest,
    testing::Values(Scheme{.name = "none"}, Scheme{.name = "learned", .position = Position::learned},
                    Scheme{.name = "sinusoidal", .position = Position::sinusoidal},
                    Scheme{.name = "rope", .rotary = true, .num_kv_heads = 2}, Scheme{.name = "alibi", .alibi = true},
                    Scheme{.name = "rope_window", .rotary = true, .window = 3},
                    Scheme{.name = "alibi_window", .alibi = true, .window = 4, .num_kv_heads = 1},
                    Scheme{.name = "learned_window", .position = Position::learned, .window = 1},
                    Scheme{.name = "attention_only", .rotary = true, .norm = NormKind::none, .feed_forward = false},
                    Scheme{.name = "no_skip", .position = Position::learned, .skip = false},
                    Scheme{.name = "linear", .rotary = true, .window = 4, .attention = AttentionKind::linear}),
    [](const auto& info) { return info.param.name; });

// The target is read on; the source, in the memory, is there as a whole from the first pass on.
TEST(EncoderDecoderCache, EveryStepEqualsReadingEverything) {
  const NoRecording off;
  for (const NormPosition position : {NormPosition::pre, NormPosition::post}) {
    const EncoderOptions blocks{.num_layers = 2, .num_heads = 2, .d_model = 8, .d_ff = 12, .norm_position = position};
    Parameters parameters;
    const EncoderDecoder model(
        Scope(parameters, 1, DType::float64), {.encoder = blocks, .decoder = blocks},
        {.vocab_size = 5, .classes = 5, .max_length = 6, .source_vocab_size = 7, .source_max_length = 4});
    const Mask source_mask = Mask::padding({4, 2});
    const Tensor memory = model.read({{1, 6, 0, 2, 3, 5, 0, 0}, {2, 4}}, source_mask, Pass::evaluation());
    const std::vector<int32_t> first = {1, 4, 2, 0, 3, 3}, second = {2, 2, 0, 1, 4, 1};
    const auto target = [&](int64_t begin, int64_t end) {
      std::vector<int32_t> ids(first.begin() + begin, first.begin() + end);
      ids.insert(ids.end(), second.begin() + begin, second.begin() + end);
      return Tokens(ids, {2, end - begin});
    };
    const Tensor whole = model.decode(target(0, 6), memory, {}, source_mask, Pass::evaluation());
    KeyValueCache cache(6);
    for (const int64_t count : {2, 1, 2, 1}) {
      const int64_t read = cache.length();
      const Tensor step =
          model.decode(target(read, read + count), memory, {}, source_mask, Pass::evaluation().with_cache(cache));
      EXPECT_LT(relative_distance(slice(whole, 1, read, read + count), step), 1e-13) << read;
      cache.advance(count);
    }
  }
}

}  // namespace
}  // namespace transformlet
