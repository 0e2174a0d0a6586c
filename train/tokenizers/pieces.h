// How GPT-2 cuts a text before it encodes it: into words with the space before them, numbers, signs, white space and
// English contractions. No token reaches across a cut.
#pragma once

#include <functional>
#include <string_view>

namespace transformlet {

// Hands the pieces of a text to `sink`, in order; together they are the text. Bytes that are not UTF-8 are pieces of
// their own, and what is on either side of them knows nothing of the other.
void cut_into_pieces(std::string_view text, const std::function<void(std::string_view)>& sink);

}  // namespace transformlet
