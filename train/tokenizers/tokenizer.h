// Text to token ids and back. There are three kinds:
//
//   bytes        256 tokens: id = byte. Takes anything.
//   characters   a token for each Unicode character of a text, in the order of their code points. Takes UTF-8.
//   bpe          byte pair encoding of bytes, as GPT-2's (byte_pairs.h). Takes anything.
//
// All are kept as tokenizer.json, the format of Hugging Face's `tokenizers` (tokenizer_file.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace transformlet {

// A text that a tokenizer cannot take: what is wrong, and with which byte of which text.
struct EncodingError : Error {
  EncodingError(const std::string& message, size_t at, size_t text = 0) : Error(message), at(at), text(text) {}

  size_t at, text;
};

class Tokenizer {
 public:
  using Sink = std::function<void(int32_t)>;

  virtual ~Tokenizer() = default;

  // "bytes", "characters" or "bpe".
  virtual const char* kind() const = 0;
  // One more than the largest id.
  virtual int64_t vocab_size() const = 0;
  // The bytes that a token stands for; none for an id that stands for nothing.
  virtual std::string_view bytes(int32_t id) const = 0;
  // Hands every token of the text to `sink`, in order. An EncodingError says what it cannot encode first; with
  // `unknown`, characters that it does not know are left out instead, and counted there.
  virtual void encode(std::string_view text, const Sink& sink, int64_t* unknown = nullptr) const = 0;
  // tokenizer.json.
  virtual std::string json() const = 0;

  std::vector<int32_t> encode(std::string_view text, int64_t* unknown = nullptr) const;
  // The bytes of the tokens, one after the other: they need not be UTF-8. An Error if an id stands for no token.
  std::string decode(std::span<const int32_t> ids) const;
};

// The bytes of a token as UTF-8: what is none, and control characters but newlines and tabs, as \xNN.
std::string shown_bytes(std::string_view bytes);

std::unique_ptr<Tokenizer> bytes_tokenizer();

// The characters of the texts. An EncodingError if one is not UTF-8.
std::unique_ptr<Tokenizer> characters_tokenizer(std::span<const std::string_view> texts);
std::unique_ptr<Tokenizer> characters_tokenizer(std::vector<char32_t> characters);  // the first has id 0

}  // namespace transformlet
