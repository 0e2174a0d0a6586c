// Names chosen by patterns, in which `*` stands for any characters or none: "encoder.blocks.*.attention.heads".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace transformlet {

bool matches_pattern(std::string_view pattern, std::string_view name);
// How many characters must be put in, taken out or replaced until the pattern matches; 0: it does.
int64_t pattern_distance(std::string_view pattern, std::string_view name);

// Which names a list of patterns matches, in the order of the names. An Error where a pattern matches none: `key` names
// the list, `what` what a name is ("parameter"), and the nearest names are given.
std::vector<std::string> matching_names(const std::string& key, const std::vector<std::string>& patterns,
                                        const std::string& what, const std::vector<std::string>& names);

}  // namespace transformlet
