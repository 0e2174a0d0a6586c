// Learns a byte pair encoding from texts.
#pragma once

#include <span>
#include <string_view>

#include "train/tokenizers/byte_pairs.h"

namespace transformlet {

// Begins with the 256 bytes (ids 0 ... 255 in the order of GPT-2's: '!' first), and joins the pair of neighbours that
// is the most frequent, over and over; of equally frequent ones, that with the smaller left id, then the smaller right
// id, as Hugging Face's BpeTrainer does. So it is a function of the texts. It ends with `vocab_size` tokens (at least
// 256), or earlier if every piece (pieces.h) has become one token.
ByteVocabulary train_byte_pairs(std::span<const std::string_view> texts, int64_t vocab_size);

}  // namespace transformlet
