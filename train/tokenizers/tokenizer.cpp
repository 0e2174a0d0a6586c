#include "train/tokenizers/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace transformlet {

std::vector<int32_t> Tokenizer::encode(std::string_view text, int64_t* unknown) const {
  std::vector<int32_t> ids;
  encode(
      text, [&](int32_t id) { ids.push_back(id); }, unknown);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) {
    const std::string_view token = id >= 0 && id < vocab_size() ? bytes(id) : "";
    require(!token.empty(), "the tokenizer has no token {}", id);
    text += token;
  }
  return text;
}

std::string shown_bytes(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = utf8_length(bytes, at);
    const auto byte = static_cast<uint8_t>(bytes[at]);
    if (length > 0 && ((byte >= 0x20 && byte != 0x7f) || byte == '\n' || byte == '\t')) {
      text += bytes.substr(at, length);
      at += length;
      continue;
    }
    text += fmt::format("\\x{:02x}", byte);
    ++at;
  }
  return text;
}

}  // namespace transformlet
