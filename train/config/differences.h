// Two configs beside each other, key by key.
#pragma once

#include <string>
#include <vector>

namespace transformlet {

struct KeyAndValue {
  std::string key, value;  // "train.max_steps", and the value in YAML
};

// All keys of a config's text, in its order. An Error if it is no YAML; `name` is what it calls the text.
std::vector<KeyAndValue> config_keys(const std::string& name, const std::string& text);

struct KeyDifference {
  std::string key;   // "train.max_steps"
  std::string a, b;  // the values in YAML; "-": it has no such key
};

// Of the texts of two configs that were written (train/config/writer.h), with every key. In the order of the first one,
// and then of the second one's own keys. An Error if one is no YAML; `name_a` and `name_b` are what it calls them.
std::vector<KeyDifference> config_differences(const std::string& name_a, const std::string& a,
                                              const std::string& name_b, const std::string& b);

}  // namespace transformlet
