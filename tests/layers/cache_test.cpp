// Reading with a cache of keys and values gives what reading everything at once gives, whatever tells the positions.
#include <gtest/gtest.h>

#include "layers/decoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

struct Scheme {
  const char* name;
  Position position = Position::none;
  bool rotary = false, alibi = false;
  int64_t window = 0, num_kv_heads = 0;
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
                       .norm_position = NormPosition::pre,
                       .activation = Activation::swiglu,
                       .rotary = scheme.rotary,
                       .alibi = scheme.alibi,
                       .final_norm = true},
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

INSTANTIATE_TEST_SUITE_P(Schemes, CacheTest,
                         testing::Values(Scheme{.name = "none"},
                                         Scheme{.name = "learned", .position = Position::learned},
                                         Scheme{.name = "sinusoidal", .position = Position::sinusoidal},
                                         Scheme{.name = "rope", .rotary = true, .num_kv_heads = 2},
                                         Scheme{.name = "alibi", .alibi = true},
                                         Scheme{.name = "rope_window", .rotary = true, .window = 3},
                                         Scheme{.name = "alibi_window", .alibi = true, .window = 4, .num_kv_heads = 1},
                                         Scheme{.name = "learned_window", .position = Position::learned, .window = 1}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
