// Tasks on strings of random symbols: what stands at each place of the output is a function of the whole input.
#pragma once

#include <array>
#include <vector>

#include "train/tasks/strings.h"

namespace transformlet {

class SymbolTask : public Task {
 public:
  void describe(Fields& field) override;
  void prepare(uint64_t seed) override;
  ModelSizes sizes() const override;
  double data_bytes() const override;
  int64_t size(Split split) const override;
  Batch batch(Split split, const std::vector<int64_t>& examples) const override;
  // Every target is a function of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 protected:
  // The output for an input of symbols 0 ... num_symbols - 1, of the same length.
  virtual std::vector<int32_t> answer(const std::vector<int32_t>& input) const = 0;

  int64_t num_symbols = 10, seq_len = 16;
  int64_t train_size = 50000, val_size = 1000, test_size = 10000;

 private:
  StringKind kind() const;

  std::array<std::vector<int32_t>, 3> data_;  // the inputs of each split, one after the other
};

}  // namespace transformlet
