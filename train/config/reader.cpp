#include "train/config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "train/config/errors.h"
#include "train/config/overrides.h"
#include "train/config/scalars.h"
#include "train/config/yaml_tree.h"

namespace transformlet {
namespace {

// Visits one level of a config, side by side with the map of that level.
class ConfigReader : public Fields {
 public:
  // `wrong` holds the paths of keys that had an error, at any level.
  ConfigReader(const YamlNode& map, std::string path, std::filesystem::path run, ConfigErrors& errors,
               std::vector<std::string>& wrong)
      : map_(map), path_(std::move(path)), run_(std::move(run)), errors_(errors), wrong_(wrong) {}

  std::filesystem::path run_folder() const override { return run_; }

  void check(const std::function<std::string()>& what_is_wrong, std::initializer_list<std::string_view> keys) override {
    const auto is_sound = [&](std::string_view key) { return !is_wrong(join_path(path_, std::string(key))); };
    if (!std::ranges::all_of(keys, is_sound)) return;
    const std::string message = what_is_wrong();
    if (message.empty()) return;
    // The first key names the error; if the text does not give it, another one of them must be the culprit.
    std::optional<Place> place;
    for (const std::string_view key : keys)
      if (!place) place = place_of(std::string(key));
    complain(place.value_or(map_.place), join_path(path_, std::string(*keys.begin())), message);
  }

  // Every key of the map that no call has named.
  void report_unknown_keys() {
    for (const YamlEntry& entry : map_.entries) {
      if (std::ranges::count(names_, entry.key)) continue;
      const std::string hint = entry.key == "<<" ? " (merge keys are not supported)" : did_you_mean(entry.key, names_);
      complain(entry.key_place, join_path(path_, entry.key), "unknown key" + unknown_where_ + hint);
    }
  }

 protected:
  std::vector<std::string> names_given() const override {
    std::vector<std::string> names;
    for (const YamlEntry& entry : map_.entries) names.push_back(entry.key);
    return names;
  }

  void key(const Key& key) override {
    const YamlEntry* entry = named(key.name);
    const std::string path = join_path(path_, key.name);
    Rules rules = key.rules;
    if (!rules.divisor_key.empty() && is_wrong(join_path(path_, rules.divisor_key)))
      rules.divisor.reset();  // nothing is a multiple of a wrong number
    if (!entry && rules.required)
      complain(map_.place, path, "required key is missing");
    else if (entry)
      std::visit([&](auto target) { read(*entry->value, path, rules, target); }, key.value);
    else
      std::visit([&](auto target) { check_default(path, rules, target); }, key.value);
  }

  void group(const Group& group) override {
    const YamlEntry* const entry = named(group.name);
    if (group.choose) {
      if (!entry) return;
      group.choose();
    }
    read_level(entry, join_path(path_, group.name), group.describe);
  }

  void list(const MapList& list) override {
    const YamlEntry* const entry = named(list.name);
    if (!entry) return;
    const std::string path = join_path(path_, list.name);
    if (entry->value->kind != YamlNode::Kind::list) {
      complain(entry->value->place, path, expected("a list of maps", *entry->value));
      return;
    }
    list.resize(entry->value->items.size());
    const size_t wrong_before = wrong_.size();
    for (size_t i = 0; i < list.size(); ++i) {
      read_map(entry->value->items[i].get(), fmt::format("{}[{}]", path, i),
               [&](Fields& field) { list.describe(field, i); });
    }
    if (wrong_.size() > wrong_before) wrong_.push_back(path);
  }

  void variant(const Variant& variant) override {
    const YamlEntry* entry = named(variant.name);
    const std::string path = join_path(path_, variant.name);
    if (entry && entry->value->kind != YamlNode::Kind::map) {
      complain(entry->value->place, path,
               expected(fmt::format("a map with the key {}", variant.discriminator), *entry->value));
      return;
    }
    const YamlEntry* choice = entry ? entry->value->find(variant.discriminator) : nullptr;
    const std::string choice_path = join_path(path, variant.discriminator);
    std::string chosen = variant.chosen;
    if (choice) {
      Rules rules;
      for (const Alternative& alternative : variant.alternatives) rules.choices.push_back(alternative.name);
      if (!read(*choice->value, choice_path, rules, &chosen)) chosen.clear();
    } else if (variant.required) {
      complain(entry ? entry->value->place : map_.place, choice_path, "required key is missing");
      chosen.clear();
    }
    if (chosen.empty()) {  // whose keys are the others? nobody knows
      wrong_.push_back(path);
      return;
    }
    for (const Alternative& alternative : variant.alternatives)
      if (alternative.name == chosen && chosen != variant.chosen) alternative.choose();
    read_level(entry, path, variant.describe, variant.discriminator, chosen);
  }

 private:
  static inline const YamlNode empty_map{
      .kind = YamlNode::Kind::map, .place = {}, .text = {}, .items = {}, .entries = {}};

  const YamlEntry* named(const std::string& name) {
    require(!std::ranges::count(names_, name), "the config key {} is described twice", join_path(path_, name));
    names_.push_back(name);
    return map_.find(name);
  }

  // Reads a nested level; one that the text lacks is read as an empty map, for its defaults and required keys.
  void read_level(const YamlEntry* entry, const std::string& path, const std::function<void(Fields&)>& describe,
                  const std::string& discriminator = {}, const std::string& chosen = {}) {
    read_map(entry ? entry->value.get() : nullptr, path, describe, discriminator, chosen);
  }

  void read_map(const YamlNode* node, const std::string& path, const std::function<void(Fields&)>& describe,
                const std::string& discriminator = {}, const std::string& chosen = {}) {
    if (node && node->kind != YamlNode::Kind::map) {
      complain(node->place, path, expected("a map", *node));
      return;
    }
    YamlNode absent = empty_map;
    absent.place = map_.place;
    ConfigReader level(node ? *node : absent, path, run_, errors_, wrong_);
    if (!discriminator.empty()) {
      level.names_.push_back(discriminator);
      level.unknown_where_ = fmt::format(" where {} is {}", discriminator, chosen);
    }
    describe(level);
    level.report_unknown_keys();
  }

  // Each `read` stores a value that is right, and reports and returns false otherwise.
  template <class T>
  bool read(const YamlNode& node, const std::string& path, const Rules& rules, T* target) {
    T value{};
    std::string problem = read_scalar(node, value);
    if constexpr (!std::is_same_v<T, bool>)
      if (problem.empty()) problem = broken_rule(rules, value);
    if (!problem.empty()) return complain(node.place, path, problem);
    *target = std::move(value);
    return true;
  }

  template <class T>
  bool read(const YamlNode& node, const std::string& path, const Rules& rules, std::optional<T>* target) {
    if (node.kind == YamlNode::Kind::null) {
      target->reset();
      return true;
    }
    T value{};
    if (!read(node, path, rules, &value)) return false;
    *target = value;
    return true;
  }

  template <class T>
  bool read(const YamlNode& node, const std::string& path, const Rules& rules, std::vector<T>* target) {
    if (node.kind != YamlNode::Kind::list) return complain(node.place, path, expected("a list", node));
    std::vector<T> values(node.items.size());
    bool is_right = true;
    for (size_t i = 0; i < values.size(); ++i)
      is_right &= read(*node.items[i], fmt::format("{}[{}]", path, i), rules, &values[i]);
    if (!is_right) wrong_.push_back(path);
    if (is_right) *target = std::move(values);
    return is_right;
  }

  bool read(const YamlNode& node, const std::string& path, const Rules& rules, std::span<double> target) {
    const std::string wanted = fmt::format("a list of {} numbers", target.size());
    if (node.kind != YamlNode::Kind::list) return complain(node.place, path, expected(wanted, node));
    if (node.items.size() != target.size())
      return complain(node.place, path, fmt::format("expected {}, found {}", wanted, node.items.size()));
    std::vector<double> values;
    if (!read(node, path, rules, &values)) return false;
    std::ranges::copy(values, target.begin());
    return true;
  }

  // A default may break a rule that depends on another key: num_heads: 3 does not go with a d_model of 128.
  template <class Target>
  void check_default(const std::string& path, const Rules& rules, Target target) {
    if constexpr (requires { broken_rule(rules, *target); } && !std::is_same_v<Target, bool*>) {
      const std::string problem = broken_rule(rules, *target);
      const Place place = place_of(rules.divisor_key).value_or(map_.place);
      if (!problem.empty()) complain(place, path, problem + " (its default)");
    }
  }

  // Where the text gives the key of a dotted path from here.
  std::optional<Place> place_of(const std::string& path) const {
    const YamlNode* node = &map_;
    for (size_t start = 0;;) {
      const size_t end = path.find('.', start);
      const YamlEntry* entry = node->find(path.substr(start, end - start));
      if (!entry) return std::nullopt;
      if (end == path.npos) return entry->value->place;
      node = entry->value.get();
      start = end + 1;
    }
  }

  // Whether a key, a level around it or a key below it had an error.
  bool is_wrong(const std::string& path) const {
    const auto is_around = [](const std::string& outer, const std::string& inner) {
      return outer == inner || inner.starts_with(outer + ".");
    };
    return std::ranges::any_of(wrong_, [&](const std::string& w) { return is_around(w, path) || is_around(path, w); });
  }

  bool complain(Place place, const std::string& path, const std::string& message) {
    errors_.add(place, path, message);
    wrong_.push_back(path);
    return false;
  }

  const YamlNode& map_;
  const std::string path_;
  const std::filesystem::path run_;
  ConfigErrors& errors_;
  std::vector<std::string>& wrong_;
  std::vector<std::string> names_;  // of the keys that were named so far
  std::string unknown_where_;
};

constexpr size_t largest_text = size_t{1} << 20;

}  // namespace

std::string read_config_bytes(const std::filesystem::path& path) {
  const auto stop = [&](const std::string& why) { throw ConfigError(fmt::format("{}: {}", path.string(), why)); };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) stop("there is no such file");
  if (error) stop(error.message());
  if (std::filesystem::is_directory(status)) stop("this is a directory, not a config file");
  std::ifstream file(path, std::ios::binary);
  if (!file) stop("the file cannot be opened: " + std::generic_category().message(errno));
  // One byte more than is allowed, and never more: the "file" may be a pipe or a device.
  std::string text(largest_text + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) stop("the file cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

void read_config(const std::string& source, const std::string& text, const std::vector<std::string>& overrides,
                 const std::function<void(Fields&)>& describe, const std::filesystem::path& run) {
  std::vector<std::string> sources = {source};
  for (const std::string& override_text : overrides)
    sources.push_back(fmt::format("override '{}'", shown(override_text)));
  ConfigErrors errors(std::move(sources));
  if (text.size() > largest_text) {
    errors.add({}, "", "larger than 1 MiB: this is no config");
    errors.throw_if_any();
  }

  YamlPointer tree = parse_yaml(text, 0, "", errors);
  const bool is_map = tree && tree->kind == YamlNode::Kind::map;
  if (tree && tree->kind == YamlNode::Kind::null)
    errors.add({0, 1, 1}, "", "the config is empty");
  else if (tree && !is_map)
    errors.add(tree->place, "", expected("a map", *tree));
  for (size_t i = 0; i < overrides.size(); ++i)
    tree = with_override(tree, overrides[i], static_cast<int>(i) + 1, errors);

  if (is_map) {
    std::vector<std::string> wrong;
    ConfigReader reader(*tree, "", run, errors, wrong);
    describe(reader);
    reader.report_unknown_keys();
  }
  errors.throw_if_any();
}

bool config_has_key(const std::string& text, const std::vector<std::string>& overrides, const std::string& key) {
  if (text.size() > largest_text) return false;
  ConfigErrors unused(std::vector<std::string>(overrides.size() + 1));
  YamlPointer tree = parse_yaml(text, 0, "", unused);
  for (size_t i = 0; i < overrides.size(); ++i)
    tree = with_override(tree, overrides[i], static_cast<int>(i) + 1, unused);
  return tree && tree->kind == YamlNode::Kind::map && tree->find(key) != nullptr;
}

}  // namespace transformlet
