#include "train/tasks/labelled_data.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "train/config/errors.h"
#include "train/durable_file.h"

namespace transformlet {
namespace {

std::vector<std::string_view> split_into(Symbols symbols, std::string_view text) {
  if (symbols == Symbols::pieces) return {text};
  return symbols_of(text, symbols == Symbols::words);
}

}  // namespace

Split split_of(const LabelledSequence& sequence, double val_fraction, double test_fraction) {
  return split_of(RandomKey(0) / "split", fmt::format("{}", fmt::join(sequence.pieces, " ")), val_fraction,
                  test_fraction);
}

Encoding Encoding::of_symbols(const std::vector<LabelledSequence>& texts, Symbols symbols, int64_t min_count) {
  SymbolCounts counts;
  for (const LabelledSequence& sequence : texts) {
    for (const std::string_view piece : sequence.pieces) {
      for (const std::string_view symbol : split_into(symbols, piece)) {
        const auto found = counts.find(symbol);
        ++(found == counts.end() ? counts[std::string(symbol)] : found->second);
      }
    }
  }
  return {Vocabulary::most_frequent(counts, min_count, {Vocabulary::unknown_name}), symbols};
}

int64_t Encoding::encode(std::string_view text, const std::function<void(int32_t)>& sink) const {
  if (tokenizer_) {
    tokenizer_->encode(text, sink);
    return 0;
  }
  int64_t unknown = 0;
  for (const std::string_view symbol : split_into(symbols_, text)) {
    const int32_t id = vocabulary_.id_of(symbol);
    unknown += id == 0;  // <unk> is the first
    sink(id);
  }
  return unknown;
}

std::string Encoding::text(int32_t id) const {
  return tokenizer_ ? shown_bytes(tokenizer_->bytes(id)) : vocabulary_.name(id);
}

const char* Encoding::unit() const {
  return tokenizer_ ? "tokens" : symbols_ == Symbols::characters ? "characters" : "words";
}

void Encoding::save(const std::filesystem::path& run) const {
  if (tokenizer_) {
    replace_file(run / "tokenizer.json", tokenizer_->json());
  } else {
    replace_file(run / "vocabulary.json", vocabulary_.json());
  }
}

Vocabulary labels_of(const std::vector<LabelledSequence>& sequences) {
  SymbolCounts counts;
  for (const LabelledSequence& sequence : sequences) {
    for (const std::string_view label : sequence.labels) ++counts[std::string(label)];
  }
  std::vector<std::string> labels;
  for (const auto& [label, count] : counts) labels.push_back(label);
  return Vocabulary(std::move(labels));
}

double EncodedSequences::bytes() const {
  return static_cast<double>((inputs.size() + labels.size()) * sizeof(int32_t) +
                             (begins.size() + by_length.size()) * sizeof(int64_t));
}

EncodedSequences encoded(const std::vector<LabelledSequence>& sequences, const Encoding& encoding,
                         const Vocabulary& labels) {
  EncodedSequences result;
  for (const LabelledSequence& sequence : sequences) {
    for (size_t i = 0; i < sequence.pieces.size(); ++i) {
      try {
        result.unknown += encoding.encode(sequence.pieces[i], [&](int32_t id) { result.inputs.push_back(id); });
      } catch (const EncodingError& error) {
        fail("{}: {}", sequence.place(i), error.what());
      }
      const std::optional<int32_t> label = labels.find(sequence.labels[i]);
      if (!label) {
        fail("{}: no training example has the label '{}'", sequence.place(i), shown(std::string(sequence.labels[i])));
      }
      result.labels.push_back(*label);
    }
    result.begins.push_back(static_cast<int64_t>(result.inputs.size()));
  }
  result.by_length.resize(sequences.size());
  std::iota(result.by_length.begin(), result.by_length.end(), 0);
  std::ranges::stable_sort(result.by_length, {}, [&](int64_t i) { return result.length(i); });
  return result;
}

}  // namespace transformlet
