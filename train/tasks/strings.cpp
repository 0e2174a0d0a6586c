#include "train/tasks/strings.h"

#include <cmath>

namespace transformlet {
namespace {

// Fills the free places with what `next` gives, and the others with what they repeat.
template <class Next>
void fill(std::vector<int32_t>& string, const StringKind& kind, const Next& next) {
  const auto period = static_cast<size_t>(kind.period);
  for (size_t i = 0; i < string.size(); ++i) string[i] = i < period ? static_cast<int32_t>(next()) : string[i - period];
}

}  // namespace

Split split_of(const std::vector<int32_t>& string) {
  RandomKey key(0);
  for (const int32_t symbol : string) key = key / symbol;
  const uint64_t tenth = key.value() % 10;
  return tenth == 0 ? Split::test : tenth == 1 ? Split::validation : Split::train;
}

// Of a thousand strings, one surely does; fewer are counted through, as numbers whose digits are the symbols.
bool has_strings(Split split, const StringKind& kind) {
  constexpr double many = 1000;
  const double strings = std::pow(static_cast<double>(kind.num_symbols), static_cast<double>(kind.period));
  if (strings > many) return true;
  std::vector<int32_t> string(static_cast<size_t>(kind.length));
  for (int64_t number = 0; number < static_cast<int64_t>(strings); ++number) {
    int64_t rest = number;
    fill(string, kind, [&] {
      const int64_t digit = rest % kind.num_symbols;
      rest /= kind.num_symbols;
      return digit;
    });
    if (split_of(string) == split) return true;
  }
  return false;
}

// Draws until the string falls into the split.
std::vector<int32_t> draw_string(Split split, const StringKind& kind, RandomKey key) {
  RandomStream stream(key);
  std::vector<int32_t> string(static_cast<size_t>(kind.length));
  for (int attempt = 0; attempt < 10000; ++attempt) {
    fill(string, kind, [&] { return stream.below(kind.num_symbols); });
    if (split_of(string) == split) return string;
  }
  throw UsageError(fmt::format(
      "task: there are too few different inputs ({} symbols at {} places) for a {} split; more symbols or a "
      "greater seq_len help",
      kind.num_symbols, kind.period, name_of(split)));
}

}  // namespace transformlet
