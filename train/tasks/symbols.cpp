#include "train/tasks/symbols.h"

#include <algorithm>
#include <cmath>

namespace transformlet {
namespace {

// Which split an input belongs to is a function of the input alone, so no input is in two: 8 of 10 are for training,
// one each for validation and test.
Split split_of(const std::vector<int32_t>& input) {
  RandomKey key(0);
  for (const int32_t symbol : input) key = key / symbol;
  const uint64_t tenth = key.value() % 10;
  return tenth == 0 ? Split::test : tenth == 1 ? Split::validation : Split::train;
}

// Whether some input of this length falls into the split. Of a thousand inputs, one surely does; fewer are counted
// through, as numbers whose digits are the symbols.
bool has_inputs(Split split, int64_t num_symbols, int64_t seq_len) {
  constexpr double many = 1000;
  const double inputs = std::pow(static_cast<double>(num_symbols), static_cast<double>(seq_len));
  if (inputs > many) return true;
  std::vector<int32_t> input(static_cast<size_t>(seq_len));
  for (int64_t number = 0; number < static_cast<int64_t>(inputs); ++number) {
    int64_t rest = number;
    for (int32_t& symbol : input) {
      symbol = static_cast<int32_t>(rest % num_symbols);
      rest /= num_symbols;
    }
    if (split_of(input) == split) return true;
  }
  return false;
}

// Draws until the input falls into the split: an input of the split, all equally likely.
void draw(Split split, RandomKey key, int64_t num_symbols, std::vector<int32_t>& input) {
  RandomStream stream(key);
  for (int attempt = 0; attempt < 10000; ++attempt) {
    for (int32_t& symbol : input) symbol = static_cast<int32_t>(stream.below(num_symbols));
    if (split_of(input) == split) return;
  }
  throw UsageError(fmt::format(
      "task: there are too few different inputs ({} symbols at {} places) for a {} split; more symbols or a "
      "greater seq_len help",
      num_symbols, input.size(), name_of(split)));
}

}  // namespace

void SymbolTask::describe(Fields& field) {
  field("num_symbols", num_symbols, "different symbols", between(1, 100000));
  field("seq_len", seq_len, "symbols in a string", between(1, 65536));
  field("train_size", train_size, "training examples", between(1, 100000000));
  field("val_size", val_size, "validation examples", between(0, 100000000));
  field("test_size", test_size, "test examples, of inputs that are in no other split", between(0, 100000000));
  field.check(
      [&] {
        for (const Split split : {Split::train, Split::validation, Split::test}) {
          if (size(split) > 0 && !has_inputs(split, num_symbols, seq_len)) return false;
        }
        return true;
      },
      {"num_symbols", "seq_len", "train_size", "val_size", "test_size"},
      "with this seq_len leaves a split without inputs: more symbols or a greater seq_len help");
}

void SymbolTask::prepare(uint64_t seed) {
  std::vector<int32_t> input(static_cast<size_t>(seq_len));
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    std::vector<int32_t>& data = data_[static_cast<size_t>(split)];
    data.clear();
    data.reserve(static_cast<size_t>(size(split) * seq_len));
    for (int64_t i = 0; i < size(split); ++i) {
      draw(split, RandomKey(seed) / "data" / name_of(split) / i, num_symbols, input);
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
