// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace transformlet {

// The length of the sequence that starts here, or 0 if none does.
size_t utf8_length(std::string_view text, size_t at);

// How many bytes at the beginning are whole sequences.
size_t utf8_prefix(std::string_view text);

// The code point that a whole sequence stands for; and the other way round.
char32_t code_point_of(std::string_view sequence);
std::string utf8_of(char32_t code_point);

// Where a byte stands in a text: "3:14" is the 14th byte of the third line.
std::string line_and_column(std::string_view text, size_t at);

}  // namespace transformlet
