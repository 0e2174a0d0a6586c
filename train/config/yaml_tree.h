// A YAML text as a tree that keeps what config errors need and yaml-cpp's own nodes lose: the place of every key and
// value, duplicate keys, and whether a scalar was quoted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/config/errors.h"

namespace transformlet {

struct YamlNode;
// Nodes never change once they are made, so an alias simply shares the node that it stands for.
using YamlPointer = std::shared_ptr<const YamlNode>;

struct YamlEntry {
  std::string key;
  Place key_place;
  YamlPointer value;
};

struct YamlNode {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Place place;
  std::string text;                // of a scalar
  bool quoted = false;             // a quoted scalar, or a block of text: always a string
  std::vector<YamlPointer> items;  // of a list
  std::vector<YamlEntry> entries;  // of a map, in order, no key twice

  const YamlEntry* find(const std::string& key) const;
};

// The tree of a text, or nullptr after adding to `errors` why there is none. Duplicate keys, tags and keys that are no
// strings are added to `errors` as well, and left out of the tree. `path` is the key that the text is the value of.
// Lists and maps are nested 32 deep at most; a text has one document, in UTF-8 without control characters.
YamlPointer parse_yaml(const std::string& text, int source, const std::string& path, ConfigErrors& errors);

}  // namespace transformlet
