#include "train/xxhash.h"

#include <array>
#include <bit>
#include <cstring>

namespace transformlet {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t prime_1 = 0x9e3779b185ebca87, prime_2 = 0xc2b2ae3d27d4eb4f, prime_3 = 0x165667b19e3779f9,
                   prime_4 = 0x85ebca77c2b2ae63, prime_5 = 0x27d4eb2f165667c5;

template <class Word>
uint64_t take(std::string_view& bytes) {
  Word word;
  std::memcpy(&word, bytes.data(), sizeof word);
  bytes.remove_prefix(sizeof word);
  return word;
}

uint64_t round(uint64_t lane, uint64_t word) { return std::rotl(lane + word * prime_2, 31) * prime_1; }

// What stripes of 32 bytes leave, a word for each lane.
uint64_t hash_of_stripes(std::string_view& bytes) {
  std::array<uint64_t, 4> lanes = {prime_1 + prime_2, prime_2, 0, 0 - prime_1};
  while (bytes.size() >= 32) {
    for (uint64_t& lane : lanes) lane = round(lane, take<uint64_t>(bytes));
  }
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * prime_1 + prime_4;
  return hash;
}

}  // namespace

uint64_t xxhash64(std::string_view bytes) {
  const uint64_t length = bytes.size();
  uint64_t hash = (length >= 32 ? hash_of_stripes(bytes) : prime_5) + length;
  while (bytes.size() >= 8) hash = std::rotl(hash ^ round(0, take<uint64_t>(bytes)), 27) * prime_1 + prime_4;
  if (bytes.size() >= 4) hash = std::rotl(hash ^ take<uint32_t>(bytes) * prime_1, 23) * prime_2 + prime_3;
  while (!bytes.empty()) hash = std::rotl(hash ^ take<uint8_t>(bytes) * prime_5, 11) * prime_1;
  hash = (hash ^ hash >> 33) * prime_2;
  hash = (hash ^ hash >> 29) * prime_3;
  return hash ^ hash >> 32;
}

}  // namespace transformlet
