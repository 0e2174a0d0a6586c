// What the value of a config key must satisfy, said with small functions:
//   field("dropout", dropout, "share of activations set to zero", at_least(0), less_than(1));
// A rule on a list holds for each of its elements.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace transformlet {

struct Bound {
  double value = 0;
  bool open = false;  // an open bound is not itself allowed
};

struct Rules {
  bool required = false;  // the key must be given; the struct's initial value is no default
  std::optional<Bound> lower, upper;
  std::optional<int64_t> divisor;
  std::string divisor_key;           // the key, beside this one, that the divisor comes from; empty: a plain number
  std::vector<std::string> choices;  // for strings; empty: anything goes
};

using Rule = std::function<void(Rules&)>;

Rule required();
Rule at_least(double value);
Rule at_most(double value);
Rule between(double low, double high);  // both included
Rule greater_than(double value);
Rule less_than(double value);
Rule multiple_of(int64_t value, std::string key = {});  // give the key's name where the value is another key's
Rule one_of(std::vector<std::string> choices);

// What is wrong with a value under these rules ("must be at least 1, not 0"), or nothing.
std::string broken_rule(const Rules& rules, int64_t value);
std::string broken_rule(const Rules& rules, double value);
std::string broken_rule(const Rules& rules, const std::string& value);

// The bounds in words ("at least 0", "less than 1", "multiple of num_heads"), for help.
std::vector<std::string> rules_in_words(const Rules& rules);

// The candidate that a mistyped word was probably meant to be, as " (did you mean max_steps?)", or nothing.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace transformlet
