#include "train/tokenizers/byte_alphabet.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/utf8.h"

namespace transformlet {
namespace {

constexpr std::array<char32_t, 256> character_of = [] {
  std::array<char32_t, 256> result{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    result[byte] = printable ? byte : next++;
  }
  return result;
}();

constexpr std::array<int, 324> byte_of = [] {
  std::array<int, 324> result{};
  result.fill(-1);
  for (int byte = 0; byte < 256; ++byte) result[character_of[static_cast<size_t>(byte)]] = byte;
  return result;
}();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += utf8_of(character_of[static_cast<unsigned char>(byte)]);
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    if (length == 0) return std::nullopt;
    const char32_t character = code_point_of(text.substr(at, length));
    if (character >= byte_of.size() || byte_of[character] < 0) return std::nullopt;
    bytes += static_cast<char>(byte_of[character]);
    at += length;
  }
  return bytes;
}

std::string bytes_in_alphabetical_order() {
  std::string bytes(256, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  std::ranges::sort(bytes, {}, [](char byte) { return character_of[static_cast<unsigned char>(byte)]; });
  return bytes;
}

}  // namespace transformlet
