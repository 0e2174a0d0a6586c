#include "train/config/differences.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "train/config/yaml_tree.h"

namespace transformlet {
namespace {

std::string value_text(const YamlNode& node) {
  std::vector<std::string> items;
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "null";
    case YamlNode::Kind::scalar:
      return node.quoted ? '"' + shown(node.text) + '"' : node.text;
    case YamlNode::Kind::list:
      for (const YamlPointer& item : node.items) items.push_back(value_text(*item));
      return fmt::format("[{}]", fmt::join(items, ", "));
    case YamlNode::Kind::map:
      break;
  }
  return "{}";  // an empty one: others are taken apart
}

void flatten(const YamlNode& node, const std::string& path, std::vector<KeyAndValue>& into) {
  if (node.kind != YamlNode::Kind::map || node.entries.empty()) {
    into.push_back({path, value_text(node)});
    return;
  }
  for (const YamlEntry& entry : node.entries) flatten(*entry.value, join_path(path, entry.key), into);
}

const std::string* find(const std::vector<KeyAndValue>& config, const std::string& key) {
  const auto found = std::ranges::find(config, key, &KeyAndValue::key);
  return found == config.end() ? nullptr : &found->value;
}

}  // namespace

std::vector<KeyAndValue> config_keys(const std::string& name, const std::string& text) {
  ConfigErrors errors({name});
  const YamlPointer tree = parse_yaml(text, 0, "", errors);
  errors.throw_if_any();
  std::vector<KeyAndValue> result;
  flatten(*tree, "", result);
  return result;
}

std::vector<KeyDifference> config_differences(const std::string& name_a, const std::string& a,
                                              const std::string& name_b, const std::string& b) {
  const std::vector<KeyAndValue> all_a = config_keys(name_a, a), all_b = config_keys(name_b, b);
  std::vector<KeyDifference> result;
  for (const auto& [key, value] : all_a) {
    const std::string* const other = find(all_b, key);
    if (other == nullptr || *other != value) result.push_back({key, value, other == nullptr ? "-" : *other});
  }
  for (const auto& [key, value] : all_b) {
    if (find(all_a, key) == nullptr) result.push_back({key, "-", value});
  }
  return result;
}

}  // namespace transformlet
