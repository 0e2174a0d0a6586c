#include "train/tasks/symbols.h"

namespace transformlet {

void SymbolTask::describe(Fields& field) {
  field("num_symbols", num_symbols, "different symbols", between(1, 100000));
  field("seq_len", seq_len, "symbols in a string", between(1, 65536));
  field("train_size", train_size, "training examples", between(1, 100000000));
  field("val_size", val_size, "validation examples", between(0, 100000000));
  field("test_size", test_size, "test examples, of inputs that are in no other split", between(0, 100000000));
  field.check(
      [&] {
        for (const Split split : {Split::train, Split::validation, Split::test}) {
          if (size(split) > 0 && !has_strings(split, kind())) return false;
        }
        return true;
      },
      {"num_symbols", "seq_len", "train_size", "val_size", "test_size"},
      "with this seq_len leaves a split without inputs: more symbols or a greater seq_len help");
}

StringKind SymbolTask::kind() const { return {.num_symbols = num_symbols, .length = seq_len, .period = seq_len}; }

void SymbolTask::prepare(uint64_t seed) {
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    std::vector<int32_t>& data = data_[static_cast<size_t>(split)];
    data.clear();
    data.reserve(static_cast<size_t>(size(split) * seq_len));
    for (int64_t i = 0; i < size(split); ++i) {
      const std::vector<int32_t> input = draw_string(split, kind(), RandomKey(seed) / "data" / name_of(split) / i);
      data.insert(data.end(), input.begin(), input.end());
    }
  }
}

ModelSizes SymbolTask::sizes() const {
  return {.vocab_size = num_symbols, .classes = num_symbols, .max_length = seq_len};
}

double SymbolTask::data_bytes() const {
  return static_cast<double>(train_size + val_size + test_size) * static_cast<double>(seq_len) * sizeof(int32_t);
}

int64_t SymbolTask::size(Split split) const {
  return split == Split::train ? train_size : split == Split::validation ? val_size : test_size;
}

Batch SymbolTask::batch(Split split, const std::vector<int64_t>& examples) const {
  const std::vector<int32_t>& data = data_[static_cast<size_t>(split)];
  const Shape shape{static_cast<int64_t>(examples.size()), seq_len};
  std::vector<int32_t> inputs, targets;
  inputs.reserve(static_cast<size_t>(shape.size()));
  targets.reserve(static_cast<size_t>(shape.size()));
  for (const int64_t example : examples) {
    const auto first = data.begin() + example * seq_len;
    const std::vector<int32_t> input(first, first + seq_len), output = answer(input);
    inputs.insert(inputs.end(), input.begin(), input.end());
    targets.insert(targets.end(), output.begin(), output.end());
  }
  return {.inputs = Tokens(std::move(inputs), shape), .targets = Tokens(std::move(targets), shape), .mask = {}};
}

}  // namespace transformlet
