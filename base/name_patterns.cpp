#include "base/name_patterns.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace transformlet {
namespace {

constexpr size_t shown_names = 3;

std::vector<std::string> nearest(const std::string& pattern, std::vector<std::string> names) {
  std::ranges::stable_sort(names, {}, [&](const std::string& name) { return pattern_distance(pattern, name); });
  names.resize(std::min(names.size(), shown_names));
  return names;
}

}  // namespace

// Without the distance's table: who reads metrics asks for each name of each line.
bool matches_pattern(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return name == pattern;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t begin = star; begin <= name.size(); ++begin) {
    if (matches_pattern(rest, name.substr(begin))) return true;
  }
  return false;
}

// Levenshtein's distance (1966), row by row; a star takes in any number of characters for nothing.
int64_t pattern_distance(std::string_view pattern, std::string_view name) {
  std::vector<int64_t> row(name.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = static_cast<int64_t>(j);
  for (const char c : pattern) {
    int64_t diagonal = row[0];
    row[0] += c == '*' ? 0 : 1;
    for (size_t j = 1; j < row.size(); ++j) {
      const int64_t above = row[j];
      row[j] = c == '*' ? std::min(above, row[j - 1])
                        : std::min({above + 1, row[j - 1] + 1, diagonal + (c == name[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::vector<std::string> matching_names(const std::string& key, const std::vector<std::string>& patterns,
                                        const std::string& what, const std::vector<std::string>& names) {
  for (const std::string& pattern : patterns) {
    if (std::ranges::any_of(names, [&](const std::string& name) { return matches_pattern(pattern, name); })) continue;
    throw UsageError(fmt::format("{}: '{}' matches no {}; near are {}", key, pattern, what,
                                 fmt::join(nearest(pattern, names), ", ")));
  }
  std::vector<std::string> result;
  for (const std::string& name : names) {
    if (std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches_pattern(pattern, name); })) {
      result.push_back(name);
    }
  }
  return result;
}

}  // namespace transformlet
