// Byte pair encoding of bytes, as GPT-2's (Sennrich, Haddow, Birch 2016; Radford et al. 2019): a text is cut into
// pieces (pieces.h); in each, neighbours are joined, the pair that comes first in the list of merges first, and of
// equal ones the leftmost, until none is left that the list has.
#pragma once

#include <memory>
#include <utility>

#include "train/tokenizers/tokenizer.h"

namespace transformlet {

// A token that stands for a text as a whole, wherever it is: GPT-2's <|endoftext|>.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = true;
};

struct ByteVocabulary {
  std::vector<std::string> tokens;                  // the bytes of each id; none: the id stands for nothing
  std::vector<std::pair<int32_t, int32_t>> merges;  // by rank; what they make is the token of both one's bytes
  std::vector<AddedToken> added;                    // they are among the tokens, too
};

// An Error if a byte or what a merge makes has no token, or a merge, a token or an added one stands there twice.
std::unique_ptr<Tokenizer> byte_pair_tokenizer(ByteVocabulary vocabulary);

}  // namespace transformlet
