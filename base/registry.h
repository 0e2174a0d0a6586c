// Alternatives that register themselves, so that a new one is one new file:
//
//   struct Reverse : Task {
//     static constexpr const char* name = "reverse";
//     static constexpr const char* help = "write a string of symbols backwards";
//     void describe(Fields& field) override { ... }
//   };
//   static const Registered<Task, Reverse> registered;
//
// and a choice among them, as a config holds it: Choice<Task> task;
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace transformlet {

template <class Base>
struct RegistryEntry {
  std::string help;
  std::function<std::unique_ptr<Base>()> make;
};

// Everything that is registered under a base class, by name.
template <class Base>
std::map<std::string, RegistryEntry<Base>>& registry() {
  static std::map<std::string, RegistryEntry<Base>> entries;  // made on first use: registration order is free
  return entries;
}

template <class Base, class Derived>
struct Registered {
  Registered() {
    const bool is_new =
        registry<Base>().try_emplace(Derived::name, Derived::help, [] { return std::make_unique<Derived>(); }).second;
    require(is_new, "two alternatives are registered as '{}'", Derived::name);
  }
};

// Some of the registered alternatives, in the order of their names. It can be moved, not copied.
template <class Base>
class Selection {
 public:
  // Puts a new one of that name there.
  void choose(const std::string& name) {
    const auto found = registry<Base>().find(name);
    require(found != registry<Base>().end(), "nothing is registered as '{}'", name);
    chosen_[name] = found->second.make();
  }

  Base* find(const std::string& name) const {
    const auto found = chosen_.find(name);
    return found == chosen_.end() ? nullptr : found->second.get();
  }
  const std::map<std::string, std::unique_ptr<Base>>& all() const { return chosen_; }

 private:
  std::map<std::string, std::unique_ptr<Base>> chosen_;
};

// One registered alternative and its name; or none yet, which a config file must then give. It can be moved, not
// copied.
template <class Base>
class Choice {
 public:
  Choice() = default;
  explicit Choice(const std::string& name) { choose(name); }

  // Replaces the value by a new one of that name.
  void choose(const std::string& name) {
    const auto found = registry<Base>().find(name);
    require(found != registry<Base>().end(), "nothing is registered as '{}'", name);
    value_ = found->second.make();
    name_ = name;
  }

  const std::string& name() const { return name_; }  // empty: none yet
  Base* get() const { return value_.get(); }
  Base* operator->() const { return value_.get(); }
  Base& operator*() const { return *value_; }

 private:
  std::string name_;
  std::unique_ptr<Base> value_;
};

}  // namespace transformlet
