// A file of pairs: on each line a source, a TAB, and its target.
#pragma once

#include <string_view>
#include <vector>

#include "train/text_files.h"

namespace transformlet {

struct PairLine {
  std::string_view source, target;
  int64_t number;  // of the line, from 1
};

class PairFile {
 public:
  // An Error names the line on which something is wrong. Of equal pairs one is taken.
  PairFile(const std::filesystem::path& path, bool source_is_words, bool target_is_words);

  // A list for each different source, in the order in which they come first.
  const std::vector<std::vector<PairLine>>& by_source() const { return by_source_; }
  // Every symbol once, in the order of code points.
  const std::vector<std::string>& source_symbols() const { return source_symbols_; }
  const std::vector<std::string>& target_symbols() const { return target_symbols_; }
  // In symbols.
  int64_t longest_source() const { return longest_source_; }
  int64_t longest_target() const { return longest_target_; }

 private:
  MappedFile file_;
  std::vector<std::vector<PairLine>> by_source_;
  std::vector<std::string> source_symbols_, target_symbols_;
  int64_t longest_source_ = 0, longest_target_ = 0;
};

}  // namespace transformlet
