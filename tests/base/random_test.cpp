// The generator: against Random123's published vectors, and the properties that resuming and splitting rest on.
#include "base/random.h"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "base/error.h"

namespace transformlet {
namespace {

// From Random123's kat_vectors: philox4x32 10.
TEST(Philox, MatchesPublishedVectors) {
  const auto zero = r123::Philox4x32()({{0, 0, 0, 0}}, {{0, 0}});
  EXPECT_EQ(zero[0], 0x6627e8d5u);
  EXPECT_EQ(zero[1], 0xe169c58du);
  EXPECT_EQ(zero[2], 0xbc57ac4cu);
  EXPECT_EQ(zero[3], 0x9b00dbd8u);
}

TEST(RandomKey, PathsAreIndependentAndKindsApart) {
  std::set<uint64_t> keys;
  for (int64_t seed = 0; seed < 50; ++seed) {
    const RandomKey key(static_cast<uint64_t>(seed));
    for (int64_t i = 0; i < 50; ++i) {
      keys.insert((key / i).value());
      keys.insert((key / std::to_string(i)).value());
      keys.insert((key / i / i).value());
    }
  }
  EXPECT_EQ(keys.size(), 50u * 150u);
}

TEST(RandomStream, SameKeySameNumbers) {
  RandomStream a(RandomKey(7) / "x"), b(RandomKey(7) / "x"), other(RandomKey(7) / "y");
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint32_t word = a.bits();
    EXPECT_EQ(word, b.bits());
    differs |= word != other.bits();
  }
  EXPECT_TRUE(differs);
}

// Bounds of five standard errors: n = 100,000 draws.
TEST(RandomStream, MomentsOfUniformAndNormal) {
  RandomStream stream{RandomKey(3)};
  const int n = 100000;
  double uniform_sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniform_sum += u;
    const double z = stream.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(uniform_sum / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(normal_sum / n, 0.0, 5 * std::sqrt(1.0 / n));
  EXPECT_NEAR(normal_squares / n, 1.0, 5 * std::sqrt(2.0 / n));
}

TEST(RandomStream, BelowIsUniform) {
  RandomStream stream{RandomKey(4)};
  std::vector<int> counts(7);
  const int n = 70000;
  for (int i = 0; i < n; ++i) ++counts[static_cast<size_t>(stream.below(7))];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_squared, 22.46);  // 6 degrees of freedom, p = 0.001
  EXPECT_THROW(stream.below(0), Error);
}

TEST(Shuffled, HoldsEachNumberOnceInAnOrderOfTheKey) {
  for (const int64_t size : {0, 1, 2, 3, 10, 64, 65, 1000}) {
    const std::vector<int64_t> order = shuffled(RandomKey(1) / size, size), again = shuffled(RandomKey(1) / size, size);
    EXPECT_EQ(order, again);
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), static_cast<size_t>(size));
    if (size == 0) continue;
    EXPECT_EQ(*std::min_element(order.begin(), order.end()), 0);
    EXPECT_EQ(*std::max_element(order.begin(), order.end()), size - 1);
  }
  EXPECT_NE(shuffled(RandomKey(1), 64), shuffled(RandomKey(2), 64));
}

// Each of the 6 orders of 3 comes up equally often: chi-squared with 5 degrees of freedom, p = 0.001.
TEST(Shuffled, IsUniform) {
  std::map<std::vector<int64_t>, int> counts;
  for (int64_t i = 0; i < 6000; ++i) ++counts[shuffled(RandomKey(9) / i, 3)];
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_EQ(counts.size(), 6u);
  EXPECT_LT(chi_squared, 20.52);
}

}  // namespace
}  // namespace transformlet
