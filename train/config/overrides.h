// Overrides from the command line, `key.path=value`, put into a config's tree before it is read.
#pragma once

#include <string>

#include "train/config/yaml_tree.h"

namespace transformlet {

// The tree with the value in its place, which may be new. `source` is the override's number among the errors' sources.
// A malformed override is added to `errors` and changes nothing.
YamlPointer with_override(const YamlPointer& tree, const std::string& override_text, int source, ConfigErrors& errors);

}  // namespace transformlet
