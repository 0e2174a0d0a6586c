// Sequence to sequence, from a file of pairs: translate, transcribe, spell, pronounce.
#include <algorithm>
#include <array>

#include "base/random.h"
#include "train/config/errors.h"
#include "train/durable_file.h"
#include "train/task.h"
#include "train/tasks/pair_file.h"
#include "train/tasks/vocabulary.h"

namespace transformlet {
namespace {

constexpr const char* source_name = "source_vocabulary.json";
constexpr const char* target_name = "target_vocabulary.json";
constexpr const char* end_name = "<end>";

class Pairs : public Task, public SourceToTarget {
 public:
  static constexpr const char* name = "pairs";
  static constexpr const char* help = "write a target for a source, from a file of pairs";

  void describe(Fields& field) override {
    field("path", path_, "a text file: on each line a source, a TAB, and its target", required());
    field("source_symbols", source_symbols_, "what a source is a sequence of; words have a space between them",
          one_of({"characters", "words"}));
    field("target_symbols", target_symbols_, "what a target is a sequence of", one_of({"characters", "words"}));
    field("source_len", source_len_, "symbols of a source, at most; null: of the longest one", between(1, 65536));
    field("target_len", target_len_, "symbols of a target, at most; null: of the longest one", between(1, 65536));
    field("val_fraction", val_fraction_, "share of the sources that is for validation", at_least(0), less_than(1));
    field("test_fraction", test_fraction_, "share of the sources that is for testing", at_least(0), less_than(1));
    field.check([&] { return val_fraction_ + test_fraction_ < 1; }, {"val_fraction", "test_fraction"},
                "with test_fraction leaves nothing to train on");
    // The file is read here: how large the model is depends on it, and what is wrong with it is known before a start.
    field.check(
        [&] { return message_of([&] { read(field.run_folder()); }); },
        {"path", "source_symbols", "target_symbols", "source_len", "target_len", "val_fraction", "test_fraction"});
  }

  void prepare(uint64_t) override {}
  ModelSizes sizes() const override {
    return {.vocab_size = target_vocabulary_.size(),
            .classes = target_vocabulary_.size(),
            .max_length = longest_target_ + 1,  // and a boundary
            .source_vocab_size = source_vocabulary_.size(),
            .source_max_length = longest_source_};
  }
  double data_bytes() const override { return bytes_; }
  int64_t size(Split split) const override { return static_cast<int64_t>(examples(split).size()); }
  Sampling sampling() const override { return Sampling::epochs_by_length; }
  int64_t length(int64_t example) const override {
    const Pair& pair = examples(Split::train)[static_cast<size_t>(example)];
    return static_cast<int64_t>(pair.source.size() + pair.target.size());
  }

  Batch batch(Split split, const std::vector<int64_t>& places) const override {
    const auto count = static_cast<int64_t>(places.size());
    std::vector<int64_t> source_lengths;
    int64_t source_length = 0, length = 0;
    for (const int64_t place : places) {
      const Pair& pair = examples(split)[static_cast<size_t>(place)];
      source_length = std::max(source_length, static_cast<int64_t>(pair.source.size()));
      length = std::max(length, static_cast<int64_t>(pair.target.size()) + 1);
    }
    std::vector<int32_t> sources(static_cast<size_t>(count * source_length), 0);
    std::vector<int32_t> inputs(static_cast<size_t>(count * length), boundary());
    std::vector<int32_t> targets(inputs.size(), CrossEntropyOptions().ignored);
    for (int64_t i = 0; i < count; ++i) {
      const Pair& pair = examples(split)[static_cast<size_t>(places[static_cast<size_t>(i)])];
      source_lengths.push_back(static_cast<int64_t>(pair.source.size()));
      std::copy(pair.source.begin(), pair.source.end(), sources.begin() + i * source_length);
      std::copy(pair.target.begin(), pair.target.end(), inputs.begin() + i * length + 1);
      std::copy(pair.target.begin(), pair.target.end(), targets.begin() + i * length);
      targets[static_cast<size_t>(i * length) + pair.target.size()] = boundary();
    }
    return {.inputs = Tokens(std::move(inputs), {count, length}),
            .targets = Tokens(std::move(targets), {count, length}),
            .source = Tokens(std::move(sources), {count, source_length}),
            .source_mask = Mask::padding(std::move(source_lengths))};
  }

  const SourceToTarget* source_to_target() const override { return this; }
  int32_t boundary() const override { return 0; }

  std::vector<std::vector<int32_t>> references(Split split, int64_t example) const override {
    const std::vector<Pair>& all = examples(split);
    std::vector<std::vector<int32_t>> result;
    // Pairs of one source stand side by side (read()).
    const auto place = static_cast<size_t>(example);
    if (place > 0 && all[place - 1].source == all[place].source) return result;
    for (size_t i = place; i < all.size() && all[i].source == all[place].source; ++i) result.push_back(all[i].target);
    return result;
  }

  std::vector<int32_t> source_ids(std::string_view text) const override {
    try {
      return ids_of_source(text);
    } catch (const Error& error) {
      throw UsageError(error.what());
    }
  }

  std::string target_text(const std::vector<int32_t>& ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (target_symbols_ == "words" && !text.empty()) text += ' ';
      text += target_vocabulary_.name(id);
    }
    return text;
  }

  std::string token_text(TokenKind kind, int32_t id) const override {
    return (kind == TokenKind::source ? source_vocabulary_ : target_vocabulary_).name(id);
  }

  void save(const std::filesystem::path& run) const override {
    replace_file(run / source_name, source_vocabulary_.json());
    replace_file(run / target_name, target_vocabulary_.json());
  }

 private:
  struct Pair {
    std::vector<int32_t> source, target;
  };

  const std::vector<Pair>& examples(Split split) const { return splits_[static_cast<size_t>(split)]; }

  static std::vector<int32_t> ids_of(const char* what, std::string_view text, const std::string& symbols,
                                     const Vocabulary& vocabulary, int64_t longest) {
    std::vector<int32_t> ids;
    for (const std::string_view symbol : symbols_of(text, symbols == "words")) ids.push_back(vocabulary.id_of(symbol));
    require(!ids.empty(), "the {} is empty", what);
    require(static_cast<int64_t>(ids.size()) <= longest, "the {} has {} symbols, and {}_len is {}", what, ids.size(),
            what, longest);
    return ids;
  }
  std::vector<int32_t> ids_of_source(std::string_view text) const {
    return ids_of("source", text, source_symbols_, source_vocabulary_, longest_source_);
  }
  std::vector<int32_t> ids_of_target(std::string_view text) const {
    return ids_of("target", text, target_symbols_, target_vocabulary_, longest_target_);
  }

  void read(const std::filesystem::path& run);

  std::string path_, source_symbols_ = "characters", target_symbols_ = "characters";
  std::optional<int64_t> source_len_, target_len_;
  double val_fraction_ = 0.05, test_fraction_ = 0.05;

  Vocabulary source_vocabulary_, target_vocabulary_;
  std::array<std::vector<Pair>, 3> splits_;  // pairs of one source side by side, where its first one stands
  int64_t longest_source_ = 0, longest_target_ = 0;
  double bytes_ = 0;
};

void Pairs::read(const std::filesystem::path& run) {
  const PairFile file(path_, source_symbols_ == "words", target_symbols_ == "words");
  if (!run.empty() && std::filesystem::exists(run / target_name)) {
    source_vocabulary_ = read_vocabulary(run / source_name);
    target_vocabulary_ = read_vocabulary(run / target_name);
  } else {
    source_vocabulary_ = Vocabulary(file.source_symbols());
    target_vocabulary_ = Vocabulary(file.target_symbols(), {end_name});
  }
  longest_source_ = source_len_.value_or(file.longest_source());
  longest_target_ = target_len_.value_or(file.longest_target());

  for (std::vector<Pair>& split : splits_) split.clear();
  bytes_ = 0;
  for (const auto& lines : file.by_source()) {
    const Split place =
        split_of(RandomKey(0) / "pairs", lines.front().source, val_fraction_, test_fraction_);  // by the source alone
    std::vector<Pair>& split = splits_[static_cast<size_t>(place)];
    for (const PairLine& line : lines) {
      Pair pair;
      try {
        pair = {ids_of_source(line.source), ids_of_target(line.target)};
      } catch (const Error& error) {
        fail("{}:{}: {}", path_, line.number, error.what());
      }
      bytes_ += static_cast<double>(sizeof(Pair) + (pair.source.size() + pair.target.size()) * sizeof(int32_t));
      split.push_back(std::move(pair));
    }
  }
  for (const auto& [split, fraction] :
       {std::pair(Split::train, 1.0), {Split::validation, val_fraction_}, {Split::test, test_fraction_}}) {
    require(fraction == 0 || !examples(split).empty(), "{}: of its {} sources none falls into the {} split", path_,
            file.by_source().size(), name_of(split));
  }
}

const Registered<Task, Pairs> registered;

}  // namespace
}  // namespace transformlet
