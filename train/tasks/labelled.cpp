// Labels from files: one for each text (sentiment, topic, language), or one for each token of a sentence (parts of
// speech, names).
#include <algorithm>
#include <optional>

#include "train/config/errors.h"
#include "train/durable_file.h"
#include "train/tasks/labelled_data.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

constexpr const char* saved_labels = "labels.json";

class Labelled : public Task {
 public:
  static constexpr const char* name = "labelled";
  static constexpr const char* help =
      "predict the label of a text (for model.kind classifier), or of each token of a sentence, from files";

  void describe(Fields& field) override {
    field(
        "form", form_,
        "classification: a line for each text, label<TAB>text; tagging: a line for each token, which comes first, its "
        "tag last, and an empty line after each sentence (CoNLL)",
        one_of({"classification", "tagging"}));
    field("path", path_, "the examples: a file, or a folder of files", required());
    field("val_path", paths_[1], "examples for validation; empty: val_fraction of those in path");
    field("test_path", paths_[2], "examples for testing; empty: test_fraction of those in path");
    field("val_fraction", val_fraction_,
          "share of path's examples, chosen by a hash of their texts, for validation: equal texts are in one split",
          at_least(0), less_than(1));
    field("test_fraction", test_fraction_, "the same for testing", at_least(0), less_than(1));
    field(
        "tokenizer", tokenizer_name_,
        "words, between spaces; characters; bytes; or the path of a tokenizer.json. A run keeps its own. Tagging takes "
        "words");
    field(
        "min_count", min_count_,
        "words or characters that the training split has less often become <unk>; 1: only those that it lacks, so that "
        "<unk> is never trained",
        between(1, 1000000));
    field("seq_len", seq_len_, "tokens that the model is given at most; a longer text is an error", between(1, 65536));
    field.check([&] { return val_fraction_ + test_fraction_ < 1; }, {"val_fraction", "test_fraction"},
                "with test_fraction leaves nothing to train on");
    field.check([&] { return form_ != "tagging" || tokenizer_name_ == "words"; }, {"tokenizer", "form"},
                "must be words where form is tagging: its tokens are those of the file");
    // The files are read here: how large the model is depends on them, and what is wrong with them is known before a
    // start.
    field.check([&] { return message_of([&] { read(paths_[0] = path_, Split::train); }); }, {"path", "form"});
    field.check([&] { return message_of([&] { read(paths_[1], Split::validation); }); }, {"val_path", "path", "form"});
    field.check([&] { return message_of([&] { read(paths_[2], Split::test); }); },
                {"test_path", "val_path", "path", "form"});
    field.check([&] { return message_of([&] { divide(); }); },
                {"val_fraction", "test_fraction", "test_path", "val_path", "path", "form"});
    field.check([&] { return message_of([&] { open_labels(field.run_folder()); }); },
                {"path", "val_fraction", "test_fraction", "test_path", "val_path", "form"});
    field.check([&] { return message_of([&] { open_encoding(field.run_folder()); }); },
                {"tokenizer", "min_count", "path", "val_fraction", "test_fraction", "test_path", "val_path", "form"});
    field.check([&] { return message_of([&] { encode(); }); },
                {"path", "tokenizer", "min_count", "val_fraction", "test_fraction", "test_path", "val_path", "form"});
    field.check([&] { return message_of([&] { require_lengths(); }); },
                {"seq_len", "path", "tokenizer", "min_count", "val_fraction", "test_fraction", "test_path", "val_path",
                 "form"});
  }

  void prepare(uint64_t) override {
    sequences_ = {};
    files_.clear();
  }
  ModelSizes sizes() const override {
    return {.vocab_size = encoding_.vocab_size(),
            .classes = labels_.size(),
            .max_length = seq_len_,
            .whole_sequences = !is_tagging()};
  }
  double data_bytes() const override { return splits_[0].bytes() + splits_[1].bytes() + splits_[2].bytes(); }
  int64_t size(Split split) const override { return of(split).size(); }

  Sampling sampling() const override { return Sampling::epochs_by_length; }
  int64_t length(int64_t example) const override { return of(Split::train).length(example); }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override;
  // Sequences of like length are evaluated together, with little padding.
  Batch evaluation_batch(Split split, const std::vector<int64_t>& examples) const override {
    std::vector<int64_t> in_file;
    for (const int64_t example : examples) in_file.push_back(of(split).by_length[static_cast<size_t>(example)]);
    return batch(split, in_file);
  }
  std::string summary(Split split) const override;
  std::string token_text(TokenKind kind, int32_t id) const override {
    return kind == TokenKind::target ? labels_.name(id) : encoding_.text(id);
  }

  void save(const std::filesystem::path& run) const override {
    encoding_.save(run);
    replace_file(run / saved_labels, labels_.json());
  }

 private:
  bool is_tagging() const { return form_ == "tagging"; }
  const EncodedSequences& of(Split split) const { return splits_[static_cast<size_t>(split)]; }
  std::vector<LabelledSequence>& sequences(Split split) { return sequences_[static_cast<size_t>(split)]; }

  void read(const std::string& path, Split split) {
    sequences(split).clear();
    if (path.empty()) return;
    for (MappedFile& file : map_text_files(path)) {
      const LabelForm form = is_tagging() ? LabelForm::tagging : LabelForm::classification;
      for (LabelledSequence& sequence : read_labelled(file, form)) sequences(split).push_back(std::move(sequence));
      files_.push_back(std::move(file));
    }
  }

  // What is in path, where a split has no path of its own.
  void divide() {
    const double val_fraction = paths_[1].empty() ? val_fraction_ : 0;
    const double test_fraction = paths_[2].empty() ? test_fraction_ : 0;
    std::vector<LabelledSequence> all = std::move(sequences(Split::train));
    sequences(Split::train).clear();
    const size_t count = all.size();
    for (LabelledSequence& sequence : all) {
      const Split split = split_of(sequence, val_fraction, test_fraction);
      sequences(split).push_back(std::move(sequence));
    }
    for (const auto& [split, share] :
         {std::pair(Split::train, 1.0), {Split::validation, val_fraction}, {Split::test, test_fraction}}) {
      require(share == 0 || !sequences(split).empty(), "{}: of its {} examples none falls into the {} split", path_,
              count, name_of(split));
    }
  }

  void open_labels(const std::filesystem::path& run) {
    if (const auto saved = run / saved_labels; !run.empty() && std::filesystem::exists(saved)) {
      labels_ = read_vocabulary(saved);
      return;
    }
    labels_ = labels_of(sequences(Split::train));
    require(labels_.size() > 1, "{}: every training example has the label '{}': there is nothing to learn", path_,
            shown(labels_.name(0)));
  }

  void open_encoding(const std::filesystem::path& run) {
    const bool has_symbols = tokenizer_name_ == "characters" || tokenizer_name_ == "words";
    const Symbols symbols = is_tagging()                      ? Symbols::pieces
                            : tokenizer_name_ == "characters" ? Symbols::characters
                                                              : Symbols::words;
    const std::filesystem::path saved = run / (has_symbols ? "vocabulary.json" : "tokenizer.json");
    const bool is_saved = !run.empty() && std::filesystem::exists(saved);
    if (has_symbols) {
      encoding_ = is_saved ? Encoding(read_vocabulary(saved), symbols)
                           : Encoding::of_symbols(sequences(Split::train), symbols, min_count_);
    } else if (tokenizer_name_ == "bytes") {
      encoding_ = Encoding(bytes_tokenizer());
    } else {
      require(is_saved || std::filesystem::exists(tokenizer_name_),
              "'{}' is none of words, characters and bytes, nor is there such a file{}", shown(tokenizer_name_),
              did_you_mean(tokenizer_name_, {"words", "characters", "bytes"}));
      encoding_ = Encoding(read_tokenizer(is_saved ? saved : std::filesystem::path(tokenizer_name_)));
    }
  }

  void encode() {
    for (size_t i = 0; i < splits_.size(); ++i) splits_[i] = encoded(sequences_[i], encoding_, labels_);
  }

  void require_lengths() const {
    struct Found {
      int64_t length = 0;
      size_t split = 0, place = 0;
    } first, longest;
    for (size_t split = 0; split < splits_.size(); ++split) {
      for (int64_t i = 0; i < splits_[split].size(); ++i) {
        const Found found{splits_[split].length(i), split, static_cast<size_t>(i)};
        if (found.length > seq_len_ && first.length == 0) first = found;
        if (found.length > longest.length) longest = found;
      }
    }
    if (first.length == 0) return;
    const auto place_of = [&](const Found& found) { return sequences_[found.split][found.place].place(0); };
    fail("{}: here are {} {}, more than {}; the longest is of {} ({})", place_of(first), first.length, encoding_.unit(),
         seq_len_, longest.length, place_of(longest));
  }

  std::string form_ = "classification", path_, tokenizer_name_ = "words";
  std::array<std::string, 3> paths_;  // of the splits
  double val_fraction_ = 0.1, test_fraction_ = 0.1;
  int64_t min_count_ = 2, seq_len_ = 64;

  std::vector<MappedFile> files_;  // only until they are encoded, as are the sequences, which point into them
  LabelledSplits sequences_;
  Vocabulary labels_;
  Encoding encoding_;
  std::array<EncodedSequences, 3> splits_;
};

Batch Labelled::batch(Split split, const std::vector<int64_t>& examples) const {
  const EncodedSequences& from = of(split);
  int64_t longest = 0;
  for (const int64_t example : examples) longest = std::max(longest, from.length(example));
  const Shape shape{static_cast<int64_t>(examples.size()), longest};
  const auto size = static_cast<size_t>(shape.size());
  std::vector<int32_t> inputs, targets;
  std::vector<int64_t> lengths;
  inputs.reserve(size);
  targets.reserve(is_tagging() ? size : examples.size());
  for (const int64_t place : examples) {
    const int64_t length = from.length(place);
    const int64_t first = from.begins[static_cast<size_t>(place)];
    inputs.insert(inputs.end(), from.inputs.begin() + first, from.inputs.begin() + first + length);
    inputs.resize(inputs.size() + static_cast<size_t>(longest - length), 0);
    if (is_tagging()) {
      targets.insert(targets.end(), from.labels.begin() + first, from.labels.begin() + first + length);
      targets.resize(inputs.size(), CrossEntropyOptions().ignored);
    } else {
      targets.push_back(from.labels[static_cast<size_t>(place)]);
    }
    lengths.push_back(length);
  }
  return {.inputs = Tokens(std::move(inputs), shape),
          .targets = Tokens(std::move(targets), is_tagging() ? shape : Shape{shape[0]}),
          .mask = Mask::padding(std::move(lengths))};
}

// What the most frequent label is right about is what a model has to beat.
std::string Labelled::summary(Split split) const {
  const EncodedSequences& data = of(split);
  std::vector<int64_t> counts(static_cast<size_t>(labels_.size()));
  for (const int32_t label : data.labels) ++counts[static_cast<size_t>(label)];
  const auto most = std::ranges::max_element(counts);
  std::string line = fmt::format("{} {}, {:.1f} % {}", data.labels.size(), is_tagging() ? "tags" : "texts",
                                 100.0 * static_cast<double>(*most) / static_cast<double>(data.labels.size()),
                                 labels_.name(static_cast<int32_t>(most - counts.begin())));
  if (encoding_.has_unknown()) {
    line += fmt::format("; {} of {} {} are not in the vocabulary", data.unknown, data.inputs.size(), encoding_.unit());
  }
  return line;
}

const Registered<Task, Labelled> registered;

}  // namespace
}  // namespace transformlet
