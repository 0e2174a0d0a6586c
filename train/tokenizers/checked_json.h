// JSON of somebody's file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace transformlet {

// A tree that frees itself value by value: the library's own way is through one list of all that is to be freed.
struct CheckedJson {
  CheckedJson() = default;
  ~CheckedJson();
  CheckedJson(CheckedJson&&) = default;

  nlohmann::json root;
};

// An Error if the text is no JSON in UTF-8, nests deeper than 32, gives a key of an object twice (of which the parser
// would take the last, in silence), or has a list of more than 256 elements that leaves less than 16 bytes of the text
// to each: no vocabulary with its merges has such, and in memory it would take many times what it takes in the file.
CheckedJson parse_checked_json(std::string_view text);

// A value as one line of a message may show it: what it says of its type, or its beginning.
std::string in_short(const nlohmann::json& value);

}  // namespace transformlet
