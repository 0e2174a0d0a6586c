#include "base/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace transformlet {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every input bit over all output bits.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// FNV-1a, only to turn a name into a number.
uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

}  // namespace

RandomKey::RandomKey(uint64_t seed) : value_(mix(seed + 0x9e3779b97f4a7c15u)) {}

// Names and numbers are kept apart by different odd constants, so that "3" and 3 give different keys.
RandomKey RandomKey::operator/(std::string_view name) const {
  RandomKey key = *this;
  key.value_ = mix(value_ * 0xd1342543de82ef95u + hash_name(name) + 1);
  return key;
}

RandomKey RandomKey::operator/(int64_t number) const {
  RandomKey key = *this;
  key.value_ = mix(value_ * 0xaf251af3b0f025b5u + mix(static_cast<uint64_t>(number) + 0x9e3779b97f4a7c15u) + 2);
  return key;
}

std::array<uint32_t, 4> philox(RandomKey key, std::array<uint32_t, 4> counter) {
  const uint64_t k = key.value();
  const r123::Philox4x32::key_type words = {{static_cast<uint32_t>(k), static_cast<uint32_t>(k >> 32)}};
  const auto result = r123::Philox4x32()({{counter[0], counter[1], counter[2], counter[3]}}, words);
  return {result[0], result[1], result[2], result[3]};
}

uint32_t RandomStream::bits() {
  if (used_ == 4) {
    words_ = philox(key_, {static_cast<uint32_t>(counter_), static_cast<uint32_t>(counter_ >> 32), 0, 0});
    ++counter_;
    used_ = 0;
  }
  return words_[static_cast<size_t>(used_++)];
}

double RandomStream::uniform() {
  const uint64_t high = bits(), low = bits();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));  // 1 - u is in (0, 1]: never log(0)
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int64_t RandomStream::below(int64_t bound) {
  require(bound > 0, "RandomStream::below: the bound must be positive, not {}", bound);
  // Values past the last whole multiple of the bound are drawn again: no value is likelier than another.
  const uint64_t range = static_cast<uint64_t>(bound);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  for (;;) {
    const uint64_t high = bits(), low = bits();
    const uint64_t draw = (high << 32) | low;
    if (draw < limit) return static_cast<int64_t>(draw % range);
  }
}

std::vector<int64_t> shuffled(RandomKey key, int64_t size) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), int64_t{0});
  RandomStream stream(key);
  for (int64_t i = size - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(stream.below(i + 1))]);
  }
  return order;
}

}  // namespace transformlet
