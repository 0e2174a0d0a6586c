// Arithmetic modulo a prime, on a part of all pairs: the task of grokking (Power et al. 2022, Grokking: Generalization
// Beyond Overfitting on Small Algorithmic Datasets; Nanda et al. 2023, Progress Measures for Grokking).
#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "base/registry.h"
#include "train/task.h"

namespace transformlet {
namespace {

// a b = -> c, to be predicted at the third place. Tokens: the residues, then the sign of equality. All pairs (a, b), or
// for division those with b > 0, in an order that is a function of the seed: the first part is for training, the others
// for validation and test, the same.
struct Modular : Task {
  static constexpr const char* name = "modular";
  static constexpr const char* help = "a function of two residues modulo a prime, learned from a part of all pairs";

  int64_t modulus = 97;
  std::string operation = "add";
  double train_fraction = 0.3;

  void describe(Fields& field) override {
    field("modulus", modulus, "a prime", between(2, 5000));
    field("operation", operation, "a + b, a - b, a * b, a / b, or a^2 + a b + b^2",
          one_of({"add", "subtract", "multiply", "divide", "quadratic"}));
    field("train_fraction", train_fraction, "the part of all pairs that is for training", greater_than(0),
          less_than(1));
    field.check([&] { return is_prime(modulus); }, {"modulus"}, "must be a prime");
    field.check([&] { return train_pairs() >= 1 && train_pairs() < all_pairs(); }, {"train_fraction", "modulus"},
                "leaves no pair for training or for validation");
  }

  void prepare(uint64_t seed) override { order_ = shuffled(RandomKey(seed) / "data" / "pairs", all_pairs()); }
  ModelSizes sizes() const override {
    return {.vocab_size = modulus + 1, .classes = modulus, .max_length = 3, .asked_places = 1};
  }
  double data_bytes() const override { return 8.0 * static_cast<double>(all_pairs()); }
  int64_t size(Split split) const override {
    return split == Split::train ? train_pairs() : all_pairs() - train_pairs();
  }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    constexpr int32_t ignored = CrossEntropyOptions().ignored;
    std::vector<int32_t> inputs, targets;
    const int64_t first = split == Split::train ? 0 : train_pairs(),
                  divisors = operation == "divide" ? modulus - 1 : modulus;
    for (const int64_t example : examples) {
      const int64_t pair = order_[static_cast<size_t>(first + example)];
      const int64_t a = pair / divisors, b = pair % divisors + (operation == "divide" ? 1 : 0);
      for (const int64_t token : {a, b, modulus}) inputs.push_back(static_cast<int32_t>(token));
      for (const int64_t target : {int64_t{ignored}, int64_t{ignored}, result(a, b)}) {
        targets.push_back(static_cast<int32_t>(target));
      }
    }
    const Shape shape{static_cast<int64_t>(examples.size()), 3};
    return {.inputs = Tokens(std::move(inputs), shape),
            .targets = Tokens(std::move(targets), shape),
            .mask = Mask::causal()};
  }

  std::string token_text(TokenKind /*kind*/, int32_t id) const override {
    return id == modulus ? "=" : std::to_string(id);
  }

  // Every target is a function of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 private:
  static bool is_prime(int64_t n) {
    for (int64_t d = 2; d * d <= n; ++d) {
      if (n % d == 0) return false;
    }
    return true;
  }
  int64_t all_pairs() const { return modulus * (operation == "divide" ? modulus - 1 : modulus); }
  int64_t train_pairs() const { return std::llround(train_fraction * static_cast<double>(all_pairs())); }

  int64_t result(int64_t a, int64_t b) const {
    if (operation == "add") return (a + b) % modulus;
    if (operation == "subtract") return (a - b + modulus) % modulus;
    if (operation == "multiply") return a * b % modulus;
    if (operation == "quadratic") return (a * a + a * b + b * b) % modulus;
    int64_t inverse = 1;  // b^(p - 2), by Fermat
    for (int64_t i = 0; i < modulus - 2; ++i) inverse = inverse * b % modulus;
    return a * inverse % modulus;
  }

  std::vector<int64_t> order_;
};

const Registered<Task, Modular> registered;

}  // namespace
}  // namespace transformlet
