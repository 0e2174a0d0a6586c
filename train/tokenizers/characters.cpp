// The two kinds that need no merges.
#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "train/config/errors.h"
#include "train/tokenizers/tokenizer.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

struct Bytes : Tokenizer {
  const char* kind() const override { return "bytes"; }
  int64_t vocab_size() const override { return 256; }
  std::string_view bytes(int32_t id) const override { return {&all_[static_cast<size_t>(id)], 1}; }
  void encode(std::string_view text, const Sink& sink, int64_t*) const override {
    for (const char byte : text) sink(static_cast<unsigned char>(byte));
  }
  std::string json() const override {
    ByteVocabulary vocabulary;
    for (const char byte : all_) vocabulary.tokens.push_back(std::string(1, byte));
    return byte_level_json(vocabulary);
  }

 private:
  static constexpr std::array<char, 256> all_ = [] {
    std::array<char, 256> all{};
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
    return all;
  }();
};

// The sequence of UTF-8 that starts here.
std::string_view character_at(std::string_view text, size_t at, size_t number_of_text = 0) {
  const size_t length = utf8_length(text, at);
  if (length == 0) {
    throw EncodingError(fmt::format("byte 0x{:02x} is not UTF-8 text", static_cast<unsigned char>(text[at])), at,
                        number_of_text);
  }
  return text.substr(at, length);
}

class Characters : public Tokenizer {
 public:
  explicit Characters(const std::vector<char32_t>& characters) {
    for (const char32_t character : characters) {
      ids_.emplace(character, static_cast<int32_t>(tokens_.size()));
      tokens_.push_back(utf8_of(character));
    }
  }

  const char* kind() const override { return "characters"; }
  int64_t vocab_size() const override { return static_cast<int64_t>(tokens_.size()); }
  std::string_view bytes(int32_t id) const override { return tokens_[static_cast<size_t>(id)]; }

  void encode(std::string_view text, const Sink& sink, int64_t* unknown) const override {
    for (size_t at = 0; at < text.size();) {
      const std::string_view character = character_at(text, at);
      const auto found = ids_.find(code_point_of(character));
      if (found != ids_.end()) {
        sink(found->second);
      } else if (unknown != nullptr) {
        ++*unknown;
      } else {
        throw EncodingError(fmt::format("the tokenizer does not know the character '{}' (U+{:04X})",
                                        shown(std::string(character)), static_cast<uint32_t>(code_point_of(character))),
                            at);
      }
      at += character.size();
    }
  }

  std::string json() const override { return characters_json(tokens_); }

 private:
  std::unordered_map<char32_t, int32_t> ids_;
  std::vector<std::string> tokens_;
};

}  // namespace

std::unique_ptr<Tokenizer> bytes_tokenizer() { return std::make_unique<Bytes>(); }

std::unique_ptr<Tokenizer> characters_tokenizer(std::span<const std::string_view> texts) {
  std::set<char32_t> characters;
  std::array<bool, 128> seen{};  // most of most texts: no need to search the set each time
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    for (size_t at = 0; at < text.size();) {
      const std::string_view character = character_at(text, at, i);
      const char32_t code_point = code_point_of(character);
      at += character.size();
      if (code_point < seen.size() && std::exchange(seen[code_point], true)) continue;
      characters.insert(code_point);
    }
  }
  return characters_tokenizer(std::vector<char32_t>(characters.begin(), characters.end()));
}

std::unique_ptr<Tokenizer> characters_tokenizer(std::vector<char32_t> characters) {
  return std::make_unique<Characters>(characters);
}

}  // namespace transformlet
