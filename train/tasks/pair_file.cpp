#include "train/tasks/pair_file.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "train/tasks/vocabulary.h"

namespace transformlet {
namespace {

MappedFile one_file(const std::filesystem::path& path) {
  std::vector<MappedFile> files = map_text_files(path);
  if (std::filesystem::is_directory(path)) throw UsageError(fmt::format("{}: is a folder, not a file", path.string()));
  return std::move(files.front());
}

PairLine parse(std::string_view line, int64_t number) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t tab = line.find('\t');
  require(tab != line.npos, "there is no TAB between a source and a target");
  require(line.find('\t', tab + 1) == line.npos, "there is more than one TAB");
  const PairLine pair{line.substr(0, tab), line.substr(tab + 1), number};
  return pair;
}

using Symbols = std::set<std::string, std::less<>>;

// How many there are; each is remembered.
int64_t take_symbols(std::string_view text, bool words, const char* what, Symbols& symbols) {
  const std::vector<std::string_view> all = symbols_of(text, words);
  require(!all.empty(), "the {} is empty", what);
  for (const std::string_view symbol : all) {
    if (!symbols.contains(symbol)) symbols.emplace(symbol);
  }
  return static_cast<int64_t>(all.size());
}

}  // namespace

PairFile::PairFile(const std::filesystem::path& path, bool source_is_words, bool target_is_words)
    : file_(one_file(path)) {
  std::unordered_map<std::string_view, size_t> places;
  Symbols sources, targets;
  std::string_view text = file_.text();
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark is no part of the first source
  int64_t number = 0;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    ++number;
    try {
      const PairLine line = parse(text.substr(begin, end - begin), number);
      longest_source_ = std::max(longest_source_, take_symbols(line.source, source_is_words, "source", sources));
      longest_target_ = std::max(longest_target_, take_symbols(line.target, target_is_words, "target", targets));
      const auto [place, is_new] = places.try_emplace(line.source, by_source_.size());
      if (is_new) by_source_.emplace_back();
      std::vector<PairLine>& same_source = by_source_[place->second];
      if (std::ranges::count(same_source, line.target, &PairLine::target) == 0) same_source.push_back(line);
    } catch (const Error& error) {
      fail("{}:{}: {}", path.string(), number, error.what());
    }
  }
  source_symbols_.assign(sources.begin(), sources.end());
  target_symbols_.assign(targets.begin(), targets.end());
}

}  // namespace transformlet
