// Labelled sequences as ids, in splits.
#pragma once

#include <array>

#include "train/task.h"
#include "train/tasks/labelled_files.h"
#include "train/tasks/vocabulary.h"
#include "train/tokenizers/tokenizer.h"

namespace transformlet {

// By split.
using LabelledSplits = std::array<std::vector<LabelledSequence>, 3>;

// Which split a sequence belongs to: that of its text, or of a sentence's tokens with a space between.
Split split_of(const LabelledSequence& sequence, double val_fraction, double test_fraction);

// What has an id of its own: a word, between spaces; a Unicode character; a piece of a sequence as a whole.
enum class Symbols { words, characters, pieces };

// How texts become ids: by a tokenizer, or as symbols of a vocabulary.
class Encoding {
 public:
  Encoding() = default;
  explicit Encoding(std::unique_ptr<Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}
  // A vocabulary whose first symbol is <unk>.
  Encoding(Vocabulary vocabulary, Symbols symbols) : vocabulary_(std::move(vocabulary)), symbols_(symbols) {}
  // That of the symbols which the texts have at least `min_count` times; all others are <unk>.
  static Encoding of_symbols(const std::vector<LabelledSequence>& texts, Symbols symbols, int64_t min_count);

  int64_t vocab_size() const { return tokenizer_ ? tokenizer_->vocab_size() : vocabulary_.size(); }
  // Hands the ids of a text to `sink`, and returns how many of them are <unk>. An EncodingError if a tokenizer does not
  // know a character.
  int64_t encode(std::string_view text, const std::function<void(int32_t)>& sink) const;
  std::string text(int32_t id) const;
  const char* unit() const;  // "words"
  bool has_unknown() const { return !tokenizer_; }
  void save(const std::filesystem::path& run) const;  // as tokenizer.json or vocabulary.json

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
  Vocabulary vocabulary_;
  Symbols symbols_ = Symbols::words;
};

// The labels of sequences, in the order of their code points.
Vocabulary labels_of(const std::vector<LabelledSequence>& sequences);

// The sequences of a split: ids of inputs, one after the other, and of labels, one for a sequence or for each token.
struct EncodedSequences {
  std::vector<int32_t> inputs, labels;
  std::vector<int64_t> begins = {0};  // of each sequence's inputs, and the end of the last
  std::vector<int64_t> by_length;     // the sequences' places, those of the shortest first
  int64_t unknown = 0;                // inputs that are <unk>

  int64_t size() const { return static_cast<int64_t>(begins.size()) - 1; }
  int64_t length(int64_t i) const { return begins[static_cast<size_t>(i) + 1] - begins[static_cast<size_t>(i)]; }
  double bytes() const;
};

// An Error names the place of a text that cannot be encoded, and of a label that is not among the labels.
EncodedSequences encoded(const std::vector<LabelledSequence>& sequences, const Encoding& encoding,
                         const Vocabulary& labels);

}  // namespace transformlet
