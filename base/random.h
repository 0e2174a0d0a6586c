// Counter-based random numbers: every number is a function of a key and a counter, and nothing is stored.
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011), by Random123.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace transformlet {

// A key: one independent stream for each seed and path of names and numbers below it.
//   RandomKey(seed) / "init" / "encoder.blocks.0.attention.qkv.weight"
//   RandomKey(seed) / "batch" / "train" / step
class RandomKey {
 public:
  explicit RandomKey(uint64_t seed);
  RandomKey operator/(std::string_view name) const;
  RandomKey operator/(int64_t number) const;
  uint64_t value() const { return value_; }

 private:
  uint64_t value_;
};

// Four random 32-bit words for a key and a 128-bit counter.
std::array<uint32_t, 4> philox(RandomKey key, std::array<uint32_t, 4> counter);

// A cursor over the words of one key, for code that draws in sequence. Copies continue independently.
class RandomStream {
 public:
  explicit RandomStream(RandomKey key) : key_(key) {}
  uint32_t bits();
  double uniform();              // in [0, 1), 53 bits
  double normal();               // mean 0, variance 1 (Box-Muller)
  int64_t below(int64_t bound);  // in [0, bound), without bias

 private:
  RandomKey key_;
  uint64_t counter_ = 0;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
};

// The numbers 0 ... size - 1 in an order that is a function of the key (Fisher and Yates; Knuth 3.4.2, algorithm P).
std::vector<int64_t> shuffled(RandomKey key, int64_t size);

}  // namespace transformlet
