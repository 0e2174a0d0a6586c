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
  const size_t tab = line.find('\t');
  require(tab != line.npos, "there is no TAB between a source and a target");
  require(line.find('\t', tab + 1) == line.npos, "there is more than one TAB");
  return {line.substr(0, tab), line.substr(tab + 1), number};
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
  for_each_line(file_, [&](std::string_view text, int64_t number) {
    const PairLine line = parse(text, number);
    longest_source_ = std::max(longest_source_, take_symbols(line.source, source_is_words, "source", sources));
    longest_target_ = std::max(longest_target_, take_symbols(line.target, target_is_words, "target", targets));
    const auto [place, is_new] = places.try_emplace(line.source, by_source_.size());
    if (is_new) by_source_.emplace_back();
    std::vector<PairLine>& same_source = by_source_[place->second];
    if (std::ranges::count(same_source, line.target, &PairLine::target) == 0) same_source.push_back(line);
  });
  source_symbols_.assign(sources.begin(), sources.end());
  target_symbols_.assign(targets.begin(), targets.end());
}

}  // namespace transformlet
