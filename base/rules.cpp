#include "base/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace transformlet {
namespace {

std::string lower_in_words(const Bound& bound) {
  return fmt::format("{} {}", bound.open ? "greater than" : "at least", bound.value);
}

std::string upper_in_words(const Bound& bound) {
  return fmt::format("{} {}", bound.open ? "less than" : "at most", bound.value);
}

// Bounds are doubles, exact up to 2^53; an integer beyond that is compared after rounding, which no real bound notices.
std::string broken_bound(const Rules& rules, double value) {
  // Written so that NaN breaks every bound.
  if (rules.lower && !(rules.lower->open ? value > rules.lower->value : value >= rules.lower->value))
    return lower_in_words(*rules.lower);
  if (rules.upper && !(rules.upper->open ? value < rules.upper->value : value <= rules.upper->value))
    return upper_in_words(*rules.upper);
  return {};
}

// Levenshtein's distance, with a swap of neighbours counted as one mistake.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

Rule required() {
  return [](Rules& rules) { rules.required = true; };
}
Rule at_least(double value) {
  return [=](Rules& rules) { rules.lower = Bound{value, false}; };
}
Rule at_most(double value) {
  return [=](Rules& rules) { rules.upper = Bound{value, false}; };
}
Rule between(double low, double high) {
  return [=](Rules& rules) { rules.lower = Bound{low, false}, rules.upper = Bound{high, false}; };
}
Rule greater_than(double value) {
  return [=](Rules& rules) { rules.lower = Bound{value, true}; };
}
Rule less_than(double value) {
  return [=](Rules& rules) { rules.upper = Bound{value, true}; };
}
Rule multiple_of(int64_t value, std::string key) {
  return [value, key = std::move(key)](Rules& rules) { rules.divisor = value, rules.divisor_key = key; };
}
Rule one_of(std::vector<std::string> choices) {
  return [choices = std::move(choices)](Rules& rules) { rules.choices = choices; };
}

std::string broken_rule(const Rules& rules, int64_t value) {
  if (const std::string bound = broken_bound(rules, static_cast<double>(value)); !bound.empty())
    return fmt::format("must be {}, not {}", bound, value);
  // A divisor below 1 comes from a key that is wrong itself; there is nothing to divide by.
  if (!rules.divisor || *rules.divisor < 1 || value % *rules.divisor == 0) return {};
  if (rules.divisor_key.empty()) return fmt::format("must be a multiple of {}, not {}", *rules.divisor, value);
  return fmt::format("must be a multiple of {} ({}), not {}", rules.divisor_key, *rules.divisor, value);
}

std::string broken_rule(const Rules& rules, double value) {
  if (!std::isfinite(value)) return fmt::format("must be finite, not {}", value);
  const std::string bound = broken_bound(rules, value);
  return bound.empty() ? bound : fmt::format("must be {}, not {}", bound, value);
}

std::string broken_rule(const Rules& rules, const std::string& value) {
  if (rules.choices.empty() || std::ranges::count(rules.choices, value)) return {};
  return fmt::format("must be one of {}, not '{}'{}", fmt::join(rules.choices, ", "), value,
                     did_you_mean(value, rules.choices));
}

std::vector<std::string> rules_in_words(const Rules& rules) {
  std::vector<std::string> words;
  if (!rules.choices.empty()) words.push_back(fmt::format("one of {}", fmt::join(rules.choices, ", ")));
  if (rules.lower) words.push_back(lower_in_words(*rules.lower));
  if (rules.upper) words.push_back(upper_in_words(*rules.upper));
  if (rules.divisor)
    words.push_back("multiple of " + (rules.divisor_key.empty() ? std::to_string(*rules.divisor) : rules.divisor_key));
  return words;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  if (word.size() > 64) return {};  // no key is that long, and the distance costs the product of the lengths
  std::string best;
  size_t best_distance = std::numeric_limits<size_t>::max();
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    // One mistake in three letters is a slip; more is another word.
    if (distance < best_distance && distance <= std::max(word.size(), candidate.size()) / 3 + (distance == 1)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? best : fmt::format(" (did you mean {}?)", best);
}

}  // namespace transformlet
