// Repeated random tokens, the test of induction heads (Elhage et al. 2021, A Mathematical Framework for Transformer
// Circuits; Olsson et al. 2022, In-context Learning and Induction Heads): a random string, then the same string again.
// The model predicts the next token at every position.
#include <algorithm>
#include <cmath>

#include "train/tasks/strings.h"

namespace transformlet {
namespace {

// Examples are computed when they are asked for, from the seed, the split and their place, so a split may be large.
// Which split one belongs to depends on its first half, so no sequence is in two.
struct Repeat : Task {
  static constexpr const char* name = "repeat";
  static constexpr const char* help =
      "predict each next token of a random string that is repeated: the first time nothing is known (loss log "
      "vocab_size), after that all is (0), so the best loss of strings of one length is (1/2 - 1/seq_len) log "
      "vocab_size";

  int64_t vocab_size = 64, seq_len = 64;
  bool vary_length = false;
  int64_t train_size = 100000, val_size = 1000, test_size = 1000;

  void describe(Fields& field) override {
    field("vocab_size", vocab_size, "different tokens", between(1, 1000000));
    field("seq_len", seq_len, "tokens that the model is given", between(2, 65536), multiple_of(2));
    field("vary_length", vary_length,
          "false: the string is seq_len / 2 long, and a fixed distance finds its copy; true: seq_len / 4 to "
          "seq_len / 2, so that only its content does");
    field("train_size", train_size, "training examples", between(1, 100000000));
    field("val_size", val_size, "validation examples", between(0, 100000000));
    field("test_size", test_size, "test examples, of strings that are in no other split", between(0, 100000000));
    field.check(
        [&] {
          for (const Split split : {Split::train, Split::validation, Split::test}) {
            for (int64_t length = shortest(); length <= seq_len / 2; ++length) {
              if (size(split) > 0 && !has_strings(split, kind(length))) return false;
            }
          }
          return true;
        },
        {"vocab_size", "seq_len", "vary_length", "train_size", "val_size", "test_size"},
        "with this seq_len leaves a split without strings: more tokens or a greater seq_len help");
  }

  void prepare(uint64_t seed) override { key_ = RandomKey(seed) / "data"; }
  ModelSizes sizes() const override { return {.vocab_size = vocab_size, .classes = vocab_size, .max_length = seq_len}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split split) const override {
    return split == Split::train ? train_size : split == Split::validation ? val_size : test_size;
  }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    const Shape shape{static_cast<int64_t>(examples.size()), seq_len};
    std::vector<int32_t> inputs, targets;
    inputs.reserve(static_cast<size_t>(shape.size()));
    targets.reserve(static_cast<size_t>(shape.size()));
    for (const int64_t example : examples) {
      const RandomKey key = key_ / name_of(split) / example;
      const int64_t length = shortest() + RandomStream(key / "length").below(seq_len / 2 - shortest() + 1);
      const std::vector<int32_t> half = draw_string(split, kind(length), key);
      for (int64_t i = 0; i < seq_len; ++i) {
        inputs.push_back(half[static_cast<size_t>(i % length)]);
        targets.push_back(half[static_cast<size_t>((i + 1) % length)]);
      }
    }
    return {.inputs = Tokens(std::move(inputs), shape),
            .targets = Tokens(std::move(targets), shape),
            .mask = Mask::causal()};  // for models that are not causal by themselves: no looking ahead
  }

  // A prefix with periods L has the probability sum(vocab_size^-L) / (number of lengths), over the lengths that may be
  // drawn and are periods of it (chance repeats included): a string of the other lengths would look otherwise. The
  // probabilities of the next tokens, each given those before it, multiply up to that of the whole over that of the
  // first token, 1 / vocab_size.
  std::optional<double> best_loss(const Batch& batch) const override {
    const double log_vocab = std::log(static_cast<double>(vocab_size));
    const int64_t lengths = seq_len / 2 - shortest() + 1;
    double loss = 0;
    for (int64_t row = 0; row < batch.inputs.shape()[0]; ++row) {
      std::vector<int32_t> text{batch.inputs[row * seq_len]};
      text.insert(text.end(), batch.targets.data() + row * seq_len, batch.targets.data() + (row + 1) * seq_len);
      int64_t least = 0;
      double ways = 0;  // sum(vocab_size^(least - L))
      for (int64_t length = shortest(); length <= seq_len / 2; ++length) {
        if (!std::equal(text.begin() + length, text.end(), text.begin())) continue;
        if (ways == 0) least = length;
        ways += std::exp(static_cast<double>(least - length) * log_vocab);
      }
      loss += static_cast<double>(least - 1) * log_vocab + std::log(static_cast<double>(lengths) / ways);
    }
    return loss;
  }

 private:
  int64_t shortest() const { return vary_length ? std::max<int64_t>(1, seq_len / 4) : seq_len / 2; }
  // The first half of a sequence of which the string has this length.
  StringKind kind(int64_t length) const { return {.num_symbols = vocab_size, .length = seq_len / 2, .period = length}; }

  RandomKey key_{0};
};

const Registered<Task, Repeat> registered;

}  // namespace
}  // namespace transformlet
