// A text as token ids, in splits.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "train/task.h"
#include "train/text_files.h"
#include "train/tokenizers/tokenizer.h"

namespace transformlet {

// Ids in two bytes each, where the vocabulary allows it.
class TokenIds {
 public:
  TokenIds() = default;
  explicit TokenIds(int64_t vocab_size) : is_small_(vocab_size <= 65536) {}

  void push_back(int32_t id) {
    if (is_small_) {
      small_.push_back(static_cast<uint16_t>(id));
    } else {
      large_.push_back(id);
    }
  }
  void reserve(int64_t count);
  void shrink_to_fit();

  int64_t size() const { return static_cast<int64_t>(is_small_ ? small_.size() : large_.size()); }
  double bytes() const { return static_cast<double>(size()) * (is_small_ ? sizeof(uint16_t) : sizeof(int32_t)); }
  int32_t operator[](int64_t i) const {
    const auto place = static_cast<size_t>(i);
    return is_small_ ? small_[place] : large_[place];
  }

 private:
  bool is_small_ = true;
  std::vector<uint16_t> small_;
  std::vector<int32_t> large_;
};

// The splits of files that are one text, one file after the other: its beginning for training, its end for testing, and
// what is between for validation. The text is cut first, between two characters, and then encoded: so whatever the
// tokenizer, a split is the same text. Of `fractions`, those of validation and test.
using Splits = std::array<TokenIds, 3>;
Splits encoded_splits(const std::vector<MappedFile>& files, const Tokenizer& tokenizer, double val_fraction,
                      double test_fraction);

// `characters` in the files. An Error names the file, line and column that is not UTF-8.
std::unique_ptr<Tokenizer> characters_of(const std::vector<MappedFile>& files);

}  // namespace transformlet
