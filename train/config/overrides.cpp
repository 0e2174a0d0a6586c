#include "train/config/overrides.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace transformlet {
namespace {

// The names of a dotted path; none if one of them is empty.
std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> names;
  for (size_t start = 0, end = 0; end != path.npos; start = end + 1) {
    end = path.find('.', start);
    names.push_back(path.substr(start, end - start));
  }
  return std::ranges::count(names, "") ? std::vector<std::string>() : names;
}

// A copy of the maps along the path, with the value at its end; all else is shared. Nodes never change, because an
// alias may have put the same one in two places.
YamlPointer replaced(const YamlPointer& node, std::span<const std::string> path, const YamlPointer& value) {
  if (path.empty()) return value;
  // Something else than a map stands here: it stays, and the reader says that it is wrong.
  if (node && node->kind != YamlNode::Kind::map) return node;
  auto map = node ? std::make_shared<YamlNode>(*node) : std::make_shared<YamlNode>();
  if (!node) map->kind = YamlNode::Kind::map, map->place = value->place;
  const auto entry = std::ranges::find(map->entries, path[0], &YamlEntry::key);
  if (entry == map->entries.end())
    map->entries.push_back({path[0], value->place, replaced(nullptr, path.subspan(1), value)});
  else
    entry->value = replaced(entry->value, path.subspan(1), value);
  return map;
}

}  // namespace

YamlPointer with_override(const YamlPointer& tree, const std::string& override_text, int source, ConfigErrors& errors) {
  const Place place{source, 1, 1};
  const size_t equals = override_text.find('=');
  const std::string path = override_text.substr(0, equals);
  const std::vector<std::string> names = split_path(path);
  if (equals == override_text.npos || names.empty()) {
    errors.add(place, "", "an override is key.path=value");
    return tree;
  }
  YamlPointer value = parse_yaml(override_text.substr(equals + 1), source, path, errors);
  if (!value) return tree;
  return replaced(tree, names, value);
}

}  // namespace transformlet
