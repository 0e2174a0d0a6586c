// Symbols and their ids: the words of a text, the labels of examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace transformlet {

// The characters of a text in UTF-8, or its words, with one space or more between them. An Error if it is not UTF-8.
std::vector<std::string_view> symbols_of(std::string_view text, bool words);

// How often each symbol was seen.
using SymbolCounts = std::map<std::string, int64_t, std::less<>>;

// Ids count from 0. The first ones are special: names without a text, such as <pad>; no text means them, also one that
// reads the same. One of them may be <unk>, which stands for every symbol that has no id of its own.
class Vocabulary {
 public:
  static constexpr const char* unknown_name = "<unk>";

  Vocabulary() = default;
  // In the order given. An Error if one is empty, no UTF-8, or there twice.
  explicit Vocabulary(std::vector<std::string> symbols, std::vector<std::string> special = {});
  // Those that were seen at least `min_count` times, the most frequent first; of equally frequent ones, in the order of
  // their code points. So it is a function of the counts.
  static Vocabulary most_frequent(const SymbolCounts& counts, int64_t min_count, std::vector<std::string> special = {});

  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  // None: the symbol has no id of its own.
  std::optional<int32_t> find(std::string_view symbol) const;
  // That of <unk> if it has none of its own; an Error if there is no <unk> either.
  int32_t id_of(std::string_view symbol) const;
  int32_t id_of_special(std::string_view name) const;
  const std::string& name(int32_t id) const { return names_[static_cast<size_t>(id)]; }

  // {"special": ["<unk>"], "symbols": ["the", ...]}: a line for each symbol.
  std::string json() const;
  // An Error says what is wrong with the text.
  static Vocabulary parse(std::string_view json);

 private:
  struct Hash {                   // so that a view can be looked up
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard library's name
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::vector<std::string> names_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;  // of those that are not special
  size_t special_ = 0;
  std::optional<int32_t> unknown_;
};

// A vocabulary's file. A UsageError names the file and what is wrong with it.
Vocabulary read_vocabulary(const std::filesystem::path& path);

}  // namespace transformlet
