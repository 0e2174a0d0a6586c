// GPT-2's way to write any bytes as printable text, in which tokenizer.json, vocab.bpe and encoder.json are written:
// bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace transformlet {

std::string to_byte_alphabet(std::string_view bytes);
// None if a character stands for no byte.
std::optional<std::string> from_byte_alphabet(std::string_view text);

// The bytes in the order of the characters that stand for them: '!' first. GPT-2's ids 0 ... 255.
std::string bytes_in_alphabetical_order();

}  // namespace transformlet
