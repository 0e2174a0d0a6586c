// Random strings of symbols 0 ... num_symbols - 1, in splits without a string in common.
#pragma once

#include <vector>

#include "base/random.h"
#include "train/task.h"

namespace transformlet {

// Which split a string belongs to is a function of the string alone, so no string is in two: 8 of 10 are for training,
// one each for validation and test.
Split split_of(const std::vector<int32_t>& string);

// Strings of this kind: the first `period` symbols are free, and repeat themselves up to the length.
struct StringKind {
  int64_t num_symbols, length, period;
};

// Whether some string of this kind belongs to the split.
bool has_strings(Split split, const StringKind& kind);

// A string of this kind and of the split, all equally likely: a function of the key. An Error if there seems to be
// none.
std::vector<int32_t> draw_string(Split split, const StringKind& kind, RandomKey key);

}  // namespace transformlet
