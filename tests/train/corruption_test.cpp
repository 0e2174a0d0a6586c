// Corrupted inputs: how many tokens, which ones, and what they depend on.
#include "train/corruption.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/train/task_tools.h"

namespace transformlet {
namespace {

const ModelSizes sizes{.vocab_size = 4, .source_vocab_size = 3};

// 100 examples of 20 tokens, each 0 to 3 in turn.
Tokens many() {
  std::vector<int32_t> ids(2000);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i % 4);
  return {std::move(ids), {100, 20}};
}

TEST(Corruption, ReplacesItsShareByOtherTokens) {
  const Tokens clean = many();
  const ModelInputs result = corrupted({.ids = clean}, {0.3, RandomKey(1)}, sizes, first(100));
  std::vector<int64_t> steps(4);  // from the token that was there
  for (int64_t i = 0; i < clean.size(); ++i) {
    ASSERT_GE(result.ids[i], 0);
    ASSERT_LT(result.ids[i], 4);
    ++steps[static_cast<size_t>((result.ids[i] - clean[i] + 4) % 4)];
  }
  // Binomial: 1400 stay, with a deviation of 20.5; 200 each take one of the others, with one of 13.4. Five of them.
  EXPECT_NEAR(static_cast<double>(steps[0]), 1400, 103);
  for (size_t step = 1; step < 4; ++step) EXPECT_NEAR(static_cast<double>(steps[step]), 200, 67);
  EXPECT_EQ(result.other->ids.ids(), clean.ids());
}

TEST(Corruption, OfNothingAndOfAll) {
  const Tokens clean = many();
  EXPECT_EQ(corrupted({.ids = clean}, {0, RandomKey(1)}, sizes, first(100)).ids.ids(), clean.ids());
  const Tokens all = corrupted({.ids = clean}, {1, RandomKey(1)}, sizes, first(100)).ids;
  for (int64_t i = 0; i < clean.size(); ++i) EXPECT_NE(all[i], clean[i]);
}

TEST(Corruption, IsAFunctionOfTheExample) {
  const Tokens clean = many();
  const Corruption corruption{0.5, RandomKey(1)};
  const Tokens whole = corrupted({.ids = clean}, corruption, sizes, first(100)).ids;
  const Tokens part = corrupted({.ids = clean.samples(60, 62)}, corruption, sizes, {60, 61}).ids;
  EXPECT_EQ(part.ids(), whole.samples(60, 62).ids());
  EXPECT_NE(corrupted({.ids = clean}, {0.5, RandomKey(2)}, sizes, first(100)).ids.ids(), whole.ids());
}

TEST(Corruption, IsOfTheSource) {
  const Tokens target({1, 2}, {1, 2}), source({0, 1, 2}, {1, 3});
  const ModelInputs result = corrupted({.ids = target, .source = source}, {1, RandomKey(1)}, sizes, {0});
  EXPECT_EQ(result.ids.ids(), target.ids());
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NE(result.source[i], source[i]);
    EXPECT_LT(result.source[i], 3);
  }
}

}  // namespace
}  // namespace transformlet
