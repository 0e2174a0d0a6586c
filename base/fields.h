// How a config struct says what it consists of. One function names every key, its default, its help and its bounds:
//
//   struct ModelConfig {
//     int64_t num_heads = 4, d_model = 128;
//
//     void describe(Fields& field) {
//       field("num_heads", num_heads, "attention heads in a block", at_least(1));
//       field("d_model", d_model, "width of the residual stream", multiple_of(num_heads, "num_heads"));
//     }
//   };
//
// The default is the member's initial value, unless the rule required() asks for the key. The reader, the writer, the
// help and the JSON Schema are visitors (train/config/). Two promises let `describe` use the values it has named:
// a visitor has read a key when the call for it returns; and a value that is wrong is never stored, so that the
// member keeps its initial value. Initial values should obey the rules, those of required keys too.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/registry.h"
#include "base/rules.h"

namespace transformlet {

class Fields;

// The member behind a key. A span is a list of exactly that many numbers.
using Value = std::variant<bool*, int64_t*, double*, std::string*, std::optional<int64_t>*, std::optional<double>*,
                           std::vector<int64_t>*, std::vector<double>*, std::vector<std::string>*, std::span<double>>;

struct Key {
  std::string name;
  Value value;
  std::string help;
  Rules rules;
};

struct Group {
  std::string name, help;
  std::function<void(Fields&)> describe;
  std::function<void()> choose = {};  // of a group that may be absent: makes it present, with its defaults
  bool absent = false;
};

// A list of maps.
struct MapList {
  std::string name, help;
  std::function<void(Fields&)> describe_new;  // a passing one, with its defaults
  std::function<size_t()> size;
  std::function<void(size_t)> resize;
  std::function<void(Fields&, size_t)> describe;  // one of them
};

struct Alternative {
  std::string name, help;
  std::function<void(Fields&)> describe;  // the variant's own value if it is the chosen one, otherwise a passing one
  std::function<void()> choose;           // makes it the variant's value, with its defaults
};

struct Variant {
  std::string name, discriminator, help;
  bool required = false;  // the discriminator must be given
  std::string chosen;     // empty: none yet
  std::vector<Alternative> alternatives;
  std::function<void(Fields&)> describe;  // the value that is chosen when it is called
};

class Fields {
 public:
  virtual ~Fields() = default;

  // A key with one value: bool, int64_t, double (always finite), std::string; an optional number (null: none); a
  // std::vector of numbers or strings; a std::array of doubles.
  template <class T, class... R>
  void operator()(std::string_view name, T& value, std::string_view help, const R&... rules) {
    key(make_key(name, &value, help, {rules...}));
  }
  template <size_t N, class... R>
  void operator()(std::string_view name, std::array<double, N>& value, std::string_view help, const R&... rules) {
    key(make_key(name, std::span<double>(value), help, {rules...}));
  }

  // A nested map: any struct with a `describe`.
  template <class T>
  void group(std::string_view name, T& value, std::string_view help) {
    group(Group{std::string(name), std::string(help), [&value](Fields& field) { value.describe(field); }});
  }

  // A list of maps: a vector of any struct with a `describe`.
  template <class T>
  void list(std::string_view name, std::vector<T>& values, std::string_view help) {
    list(MapList{std::string(name), std::string(help), [](Fields& field) { T().describe(field); },
                 [&values] { return values.size(); }, [&values](size_t size) { values.assign(size, T()); },
                 [&values](Fields& field, size_t i) { values[i].describe(field); }});
  }

  // A nested map in which one key, the discriminator, says which of several structs the others belong to:
  //   optimizer: {name: adam, learning_rate: 1.0e-3}
  // Every alternative has a static `name`, a static `help` and a `describe`. They are those of a std::variant ...
  template <class... T, class... R>
  void variant(std::string_view name, std::string_view discriminator, std::variant<T...>& value, std::string_view help,
               const R&... rules) {
    const auto describe = [&value](Fields& field) { std::visit([&](auto& chosen) { chosen.describe(field); }, value); };
    const std::string chosen = std::visit([](auto& v) { return std::string(std::decay_t<decltype(v)>::name); }, value);
    const auto fresh = []<class A>(std::type_identity<A>) { return [](Fields& field) { A().describe(field); }; };
    std::vector<Alternative> alternatives = {
        Alternative{T::name, T::help, fresh(std::type_identity<T>()), [&value] { value.template emplace<T>(); }}...};
    variant(make_variant(name, discriminator, help, {rules...}, chosen, std::move(alternatives), describe));
  }

  // ... or those that are registered under a base class.
  template <class Base, class... R>
  void variant(std::string_view name, std::string_view discriminator, Choice<Base>& value, std::string_view help,
               const R&... rules) {
    std::vector<Alternative> alternatives;
    for (const auto& [alternative, entry] : registry<Base>())
      alternatives.push_back({alternative, entry.help, [make = entry.make](Fields& field) { make()->describe(field); },
                              [&value, alternative = alternative] { value.choose(alternative); }});
    variant(make_variant(name, discriminator, help, {rules...}, value.name(), std::move(alternatives),
                         [&value](Fields& field) { value->describe(field); }));
  }

  // A nested map of nested maps: those of the registered alternatives that the config names, each at most once.
  //   probes: {norms: {every: 10}}
  template <class Base>
  void selection(std::string_view name, Selection<Base>& value, std::string_view help) {
    const auto describe = [&value](Fields& field) {
      for (const auto& [alternative, entry] : registry<Base>()) {
        const auto describe_one = [&value, alternative = alternative, make = entry.make](Fields& inner) {
          Base* const chosen = value.find(alternative);
          chosen != nullptr ? chosen->describe(inner) : make()->describe(inner);
        };
        field.group(Group{alternative, entry.help, describe_one,
                          [&value, alternative = alternative] { value.choose(alternative); },
                          value.find(alternative) == nullptr});
      }
    };
    group(Group{std::string(name), std::string(help), describe});
  }

  // A nested map of structs of one kind, under names that the text gives, in its order:
  //   runs: {two_layers: {config: a.yaml}, one_layer: {config: b.yaml}}
  template <class T>
  void dictionary(std::string_view name, std::vector<std::pair<std::string, T>>& value, std::string_view help) {
    const auto describe = [&value](Fields& field) {
      for (const std::string& given : field.names_given()) value.emplace_back(given, T());
      for (auto& [given, one] : value) field.group(given, one, "");
    };
    group(Group{std::string(name), std::string(help), describe});
  }

  // A rule between keys that have been named before, each by its path from here ("warmup_steps", "train.max_steps").
  // If it does not hold, the reader reports the message under the first one. It is asked only where all of these
  // keys have been read and are right, so it may rely on their values: on a Choice, for one, being made.
  void check(const std::function<bool()>& holds, std::initializer_list<std::string_view> keys,
             std::string_view message) {
    check([&] { return holds() ? std::string() : std::string(message); }, keys);
  }
  // The same with a message of its own for each case: what is wrong, or nothing. What the values name (a file) may be
  // read here and kept: whoever only wants to know what keys there are never asks.
  virtual void check(const std::function<std::string()>& what_is_wrong,
                     std::initializer_list<std::string_view> keys) = 0;

  // The folder of the run that the config is that of, where a run has left what it depends on (Task::save); empty: a
  // config of its own.
  virtual std::filesystem::path run_folder() const { return {}; }

 protected:
  // The keys that a text has at this level; of a visitor without a text none.
  virtual std::vector<std::string> names_given() const { return {}; }
  virtual void key(const Key& key) = 0;
  virtual void group(const Group& group) = 0;
  virtual void list(const MapList& list) = 0;
  virtual void variant(const Variant& variant) = 0;

 private:
  static Key make_key(std::string_view name, Value value, std::string_view help, std::initializer_list<Rule> rules);
  static Variant make_variant(std::string_view name, std::string_view discriminator, std::string_view help,
                              std::initializer_list<Rule> rules, const std::string& chosen,
                              std::vector<Alternative> alternatives, std::function<void(Fields&)> describe);
};

// What a key takes: "integer", "list of 2 numbers", "number or null".
std::string type_in_words(const Value& value);

}  // namespace transformlet
