// Byte pair encoding of bytes, as GPT-2's (Sennrich, Haddow, Birch 2016; Radford et al. 2019): a text is cut into
// pieces (pieces.h); in each, neighbours are joined, the pair that comes first in the list of merges first, and of
// equal ones the leftmost, until none is left that the list has.
#pragma once

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "train/tokenizers/tokenizer.h"

namespace transformlet {

// A token that stands for a text as a whole, wherever it is: GPT-2's <|endoftext|>.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = true;
};

// The bytes of each id. Some ids may stand for nothing: however many these are, they cost no memory.
class TokenTable {
 public:
  // One more than the largest id.
  int64_t size() const { return size_; }
  // None: the id stands for nothing.
  const std::string& operator[](int64_t id) const {
    static const std::string none;
    const auto found = bytes_.find(static_cast<int32_t>(id));
    return found == bytes_.end() ? none : found->second;
  }
  // Those that stand for something, in order.
  std::vector<int32_t> ids() const {
    std::vector<int32_t> result;
    result.reserve(bytes_.size());
    for (const auto& [id, bytes] : bytes_) result.push_back(id);
    std::ranges::sort(result);
    return result;
  }

  void put(int32_t id, std::string bytes) {
    bytes_[id] = std::move(bytes);
    size_ = std::max(size_, int64_t{id} + 1);
  }
  void push_back(std::string bytes) { put(static_cast<int32_t>(size_), std::move(bytes)); }

  bool operator==(const TokenTable&) const = default;

 private:
  std::unordered_map<int32_t, std::string> bytes_;
  int64_t size_ = 0;
};

struct ByteVocabulary {
  TokenTable tokens;
  std::vector<std::pair<int32_t, int32_t>> merges;  // by rank; what they make is the token of both one's bytes
  std::vector<AddedToken> added;                    // they are among the tokens, too
};

// An Error if a byte or what a merge makes has no token, or a merge, a token or an added one stands there twice.
std::unique_ptr<Tokenizer> byte_pair_tokenizer(ByteVocabulary vocabulary);

}  // namespace transformlet
