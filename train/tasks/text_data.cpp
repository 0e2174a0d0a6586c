#include "train/tasks/text_data.h"

#include <algorithm>

#include "base/utf8.h"

namespace transformlet {
namespace {

[[noreturn]] void fail_at(const MappedFile& file, size_t at, const std::string& what) {
  fail("{}:{}: {}", file.path().string(), line_and_column(file.text(), at), what);
}

// The place itself, or if it is within a character, that after it.
size_t between_characters(std::string_view text, size_t at) {
  const auto continues = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80; };
  for (int i = 0; i < 3 && at < text.size() && continues(at); ++i) ++at;
  return at;
}

// How many tokens a text has, where that is quickly said; of byte pairs nothing is known before.
int64_t tokens_of(std::string_view text, const Tokenizer& tokenizer) {
  const std::string_view kind = tokenizer.kind();
  if (kind == "bytes") return static_cast<int64_t>(text.size());
  const auto begins = [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; };
  return kind == "characters" ? std::ranges::count_if(text, begins) : 0;
}

}  // namespace

void TokenIds::reserve(int64_t count) {
  is_small_ ? small_.reserve(static_cast<size_t>(count)) : large_.reserve(static_cast<size_t>(count));
}

void TokenIds::shrink_to_fit() {
  small_.shrink_to_fit();
  large_.shrink_to_fit();
}

Splits encoded_splits(const std::vector<MappedFile>& files, const Tokenizer& tokenizer, double val_fraction,
                      double test_fraction) {
  size_t total = 0;
  for (const MappedFile& file : files) total += file.text().size();
  const auto share = [&](double fraction) { return static_cast<size_t>(static_cast<double>(total) * fraction); };
  const std::array<size_t, 3> ends = {share(1 - val_fraction - test_fraction), share(1 - test_fraction), total};

  // Hands every piece of a file that is of one split to the function: the file, the split, where the
  // piece begins, and the piece.
  const auto for_each_piece = [&](const auto& function) {
    size_t file_begin = 0;
    for (const MappedFile& file : files) {
      const std::string_view text = file.text();
      size_t begin = 0;
      for (size_t split = 0; split < ends.size(); ++split) {
        const size_t cut = std::clamp(ends[split], file_begin, file_begin + text.size()) - file_begin;
        const size_t end = std::max(begin, between_characters(text, cut));
        function(file, split, begin, text.substr(begin, end - begin));
        begin = end;
      }
      file_begin += text.size();
    }
  };

  // All ids are asked for at once: a list that grew would take up to six times the text.
  std::array<int64_t, 3> counts{};
  for_each_piece([&](const MappedFile&, size_t split, size_t, std::string_view text) {
    counts[split] += tokens_of(text, tokenizer);
  });
  Splits splits;
  for (size_t split = 0; split < splits.size(); ++split) {
    splits[split] = TokenIds(tokenizer.vocab_size());
    splits[split].reserve(counts[split]);
  }
  for_each_piece([&](const MappedFile& file, size_t split, size_t begin, std::string_view text) {
    try {
      tokenizer.encode(text, [&](int32_t id) { splits[split].push_back(id); });
    } catch (const EncodingError& error) {
      fail_at(file, begin + error.at, error.what());
    }
  });
  for (TokenIds& split : splits) split.shrink_to_fit();
  return splits;
}

std::unique_ptr<Tokenizer> characters_of(const std::vector<MappedFile>& files) {
  std::vector<std::string_view> texts;
  texts.reserve(files.size());
  for (const MappedFile& file : files) texts.push_back(file.text());
  try {
    return characters_tokenizer(texts);
  } catch (const EncodingError& error) {
    fail_at(files[error.text], error.at, error.what());
  }
}

}  // namespace transformlet
