// Language modelling: predict each next token of a text. As in Karpathy's nanoGPT, training draws windows at random
// places, with replacement, and what is held out is the end of the text; unlike there, an evaluation covers all of it.
#include <algorithm>
#include <optional>

#include "train/config/errors.h"
#include "train/durable_file.h"
#include "train/tasks/text_data.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

constexpr const char* saved_name = "tokenizer.json";

class Text : public Task {
 public:
  static constexpr const char* name = "text";
  static constexpr const char* help = "predict each next token of a text, in a file or a folder of files";

  void describe(Fields& field) override {
    field("path", path_, "the text: a file, or a folder of files, which are taken one after the other in order of name",
          required());
    field("tokenizer", tokenizer_name_,
          "bytes; characters, those of the text; or the path of a tokenizer.json. A run keeps its own");
    field("seq_len", seq_len_, "tokens that the model is given", between(1, 65536));
    field("val_fraction", val_fraction_, "share of the text, at its end, that is for validation", at_least(0),
          less_than(1));
    field("test_fraction", test_fraction_, "share of the text, after that, that is for testing", at_least(0),
          less_than(1));
    field.check([&] { return val_fraction_ + test_fraction_ < 1; }, {"val_fraction", "test_fraction"},
                "with test_fraction leaves nothing to train on");
    // The text is read here: how large the model is depends on it, and what is wrong with it is known before a start.
    field.check([&] { return message_of([&] { files_ = map_text_files(path_); }); }, {"path"});
    field.check([&] { return message_of([&] { open_tokenizer(field.run_folder()); }); }, {"tokenizer", "path"});
    field.check([&] { return message_of([&] { encode(); }); }, {"tokenizer", "path", "val_fraction", "test_fraction"});
    field.check([&] { return too_short(); }, {"seq_len", "tokenizer", "path", "val_fraction", "test_fraction"});
  }

  void prepare(uint64_t) override {}
  ModelSizes sizes() const override {
    return {.vocab_size = tokenizer_->vocab_size(), .classes = tokenizer_->vocab_size(), .max_length = seq_len_};
  }
  double data_bytes() const override {
    return ids(Split::train).bytes() + ids(Split::validation).bytes() + ids(Split::test).bytes();
  }

  // Training's examples are the places where a window may begin, of which there are about as many as tokens; those of
  // the other splits are windows side by side, of which the last may be shorter.
  int64_t size(Split split) const override {
    return split == Split::train ? ids(split).size() - seq_len_ : evaluation_size(split);
  }
  Sampling sampling() const override { return Sampling::steps; }
  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    return windows(split, examples, split == Split::train ? 1 : seq_len_);
  }
  int64_t evaluation_size(Split split) const override {
    const int64_t targets = std::max<int64_t>(0, ids(split).size() - 1);
    return (targets + seq_len_ - 1) / seq_len_;
  }
  Batch evaluation_batch(Split split, const std::vector<int64_t>& examples) const override {
    return windows(split, examples, seq_len_);
  }

  std::string token_text(TokenKind /*kind*/, int32_t id) const override { return shown_bytes(tokenizer_->bytes(id)); }

  void save(const std::filesystem::path& run) const override { replace_file(run / saved_name, tokenizer_->json()); }

 private:
  const TokenIds& ids(Split split) const { return splits_[static_cast<size_t>(split)]; }

  void open_tokenizer(const std::filesystem::path& run) {
    const std::filesystem::path saved = run / saved_name;
    if (!run.empty() && std::filesystem::exists(saved)) {
      tokenizer_ = read_tokenizer(saved);
    } else if (tokenizer_name_ == "bytes") {
      tokenizer_ = bytes_tokenizer();
    } else if (tokenizer_name_ == "characters") {
      tokenizer_ = characters_of(files_);
    } else {
      require(std::filesystem::exists(tokenizer_name_),
              "'{}' is neither bytes nor characters, nor is there such a file{}", shown(tokenizer_name_),
              did_you_mean(tokenizer_name_, {"bytes", "characters"}));
      tokenizer_ = read_tokenizer(tokenizer_name_);
    }
  }

  void encode() {
    splits_ = encoded_splits(files_, *tokenizer_, val_fraction_, test_fraction_);
    files_.clear();
  }

  std::string too_short() const {
    if (ids(Split::train).size() <= seq_len_) {
      return fmt::format(
          "{}: a sequence and its next token are more than the {} tokens of the text that are for training", path_,
          ids(Split::train).size());
    }
    for (const auto& [split, fraction] : {std::pair(Split::validation, val_fraction_), {Split::test, test_fraction_}}) {
      if (fraction > 0 && ids(split).size() < 2) {
        return fmt::format("{}: the text is too short: {}_fraction leaves {} of its tokens, and two are needed", path_,
                           name_of(split), ids(split).size());
      }
    }
    return {};
  }

  // The windows that begin at multiples of `stride`.
  Batch windows(Split split, const std::vector<int64_t>& examples, int64_t stride) const {
    const TokenIds& text = ids(split);
    const Shape shape{static_cast<int64_t>(examples.size()), seq_len_};
    std::vector<int32_t> inputs, targets;
    inputs.reserve(static_cast<size_t>(shape.size()));
    targets.reserve(static_cast<size_t>(shape.size()));
    int64_t target_bytes = 0;
    for (const int64_t example : examples) {
      const int64_t begin = example * stride, end = std::min(begin + seq_len_, text.size() - 1);
      for (int64_t i = begin; i < end; ++i) {
        inputs.push_back(text[i]);
        targets.push_back(text[i + 1]);
        target_bytes += static_cast<int64_t>(tokenizer_->bytes(text[i + 1]).size());
      }
      inputs.resize(inputs.size() + static_cast<size_t>(begin + seq_len_ - end), 0);
      targets.resize(inputs.size(), CrossEntropyOptions().ignored);
    }
    return {.inputs = Tokens(std::move(inputs), shape),
            .targets = Tokens(std::move(targets), shape),
            .mask = Mask::causal(),  // for models that are not causal by themselves: no looking ahead
            .target_bytes = target_bytes};
  }

  std::string path_, tokenizer_name_ = "bytes";
  int64_t seq_len_ = 64;
  double val_fraction_ = 0.1, test_fraction_ = 0;

  std::vector<MappedFile> files_;  // only until they are encoded
  std::unique_ptr<Tokenizer> tokenizer_;
  Splits splits_;
};

const Registered<Task, Text> registered;

}  // namespace
}  // namespace transformlet
