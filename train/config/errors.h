// Everything that is wrong with a config, collected, so that all of it can be said at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace transformlet {

// Where something stands: in source 0, the file, or in source n, the n-th override. Lines and columns count from 1,
// columns in bytes, as compilers do.
struct Place {
  int source = 0, line = 0, column = 0;

  auto operator<=>(const Place&) const = default;
};

class ConfigErrors {
 public:
  explicit ConfigErrors(std::vector<std::string> source_names) : source_names_(std::move(source_names)) {}

  // `path` is the key's whole path; empty: the file, or the override, as such.
  void add(Place place, const std::string& path, const std::string& message);

  // Throws a ConfigError with one line for each error, in the order of the text; overrides come last.
  void throw_if_any() const;

 private:
  struct Entry {
    Place place;
    std::string text;
  };

  std::vector<std::string> source_names_;
  std::vector<Entry> entries_;
};

// "train" and "max_steps" make "train.max_steps"; at the top a name is its own path.
std::string join_path(const std::string& path, const std::string& name);

// What the Error says that the function throws, or nothing: for checks of what a config names (Fields::check).
std::string message_of(const std::function<void()>& function);

// A piece of somebody's file, made fit for one line of an error: control characters escaped, a long text cut.
std::string shown(const std::string& text);

}  // namespace transformlet
