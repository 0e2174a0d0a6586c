#include "train/tokenizers/tokenizer.h"

#include "base/error.h"

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

}  // namespace transformlet
