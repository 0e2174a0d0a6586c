// JSON of somebody's file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace transformlet {

// An Error if the text is no JSON in UTF-8, nests deeper than 32, or gives a key of an object twice (of which the
// parser would take the last, in silence).
nlohmann::json parse_checked_json(std::string_view text);

// A value as one line of a message may show it: what it says of its type, or its beginning.
std::string in_short(const nlohmann::json& value);

}  // namespace transformlet
