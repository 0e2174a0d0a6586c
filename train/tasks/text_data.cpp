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

}  // namespace

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

  Splits splits;
  splits.fill(TokenIds(tokenizer.vocab_size()));
  size_t file_begin = 0;
  for (const MappedFile& file : files) {
    const std::string_view text = file.text();
    size_t begin = 0;
    for (size_t split = 0; split < splits.size(); ++split) {
      const size_t cut = std::clamp(ends[split], file_begin, file_begin + text.size()) - file_begin;
      const size_t end = std::max(begin, between_characters(text, cut));
      try {
        tokenizer.encode(text.substr(begin, end - begin), [&](int32_t id) { splits[split].push_back(id); });
      } catch (const EncodingError& error) {
        fail_at(file, begin + error.at, error.what());
      }
      begin = end;
    }
    file_begin += text.size();
  }
  for (TokenIds& split : splits) split.shrink_to_fit();
  return splits;
}

std::unique_ptr<Tokenizer> characters_of(const std::vector<MappedFile>& files) {
  std::vector<std::string_view> texts;
  for (const MappedFile& file : files) texts.push_back(file.text());
  try {
    return characters_tokenizer(texts);
  } catch (const EncodingError& error) {
    fail_at(files[error.text], error.at, error.what());
  }
}

}  // namespace transformlet
