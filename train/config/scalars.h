// One YAML scalar as a value: what a text means, strictly.
#pragma once

#include <cstdint>
#include <string>

#include "train/config/yaml_tree.h"

namespace transformlet {

// Each stores the value and returns nothing, or leaves it alone and returns what is wrong.
std::string read_scalar(const YamlNode& node, bool& value);
std::string read_scalar(const YamlNode& node, int64_t& value);
std::string read_scalar(const YamlNode& node, double& value);
std::string read_scalar(const YamlNode& node, std::string& value);

// "expected a map, found 'x'".
std::string expected(const std::string& wanted, const YamlNode& found);

// Whether other readers of YAML could take a plain (unquoted) text for something else than a string.
bool needs_quotes(const std::string& text);

}  // namespace transformlet
