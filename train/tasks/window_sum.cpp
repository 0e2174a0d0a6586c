// Sums over a moving window, modulo a number: learned after a plateau, when attention finds the window (Gopalani and Hu
// 2025, What Happens During the Loss Plateau? Understanding Abrupt Learning in Transformers).
#include "base/registry.h"
#include "train/tasks/computed.h"

namespace transformlet {
namespace {

// x_1 ... x_n | y_1 ... y_n with y_1 = x_1 and y_i = x_(i-1) + x_i modulo `modulus`; each y is to be predicted, from
// the sign | on. Tokens: the residues, then the sign; x is never 0, as in the paper.
struct WindowSum : ComputedTask {
  static constexpr const char* name = "window_sum";
  static constexpr const char* help = "the sums of neighbours in a string of numbers, modulo a number";

  int64_t length = 16, modulus = 17;

  void describe(Fields& field) override {
    field("length", length, "numbers in a string", between(2, 10000));
    field("modulus", modulus, "the numbers are 1 to modulus - 1", between(3, 10000));
    describe_sizes(field);
  }

  ModelSizes sizes() const override {
    return {.vocab_size = modulus + 1, .classes = modulus, .max_length = 2 * length, .asked_places = length};
  }
  std::string token_text(TokenKind /*kind*/, int32_t id) const override {
    return id == modulus ? "|" : std::to_string(id);
  }
  // Every target is a function of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 protected:
  Example example(Split split, RandomKey key) const override {
    const std::vector<int32_t> x = draw_in_split(split, key, [&](RandomStream& stream) {
      std::vector<int32_t> drawn(static_cast<size_t>(length));
      for (int32_t& number : drawn) number = static_cast<int32_t>(1 + stream.below(modulus - 1));
      return drawn;
    });
    Example result;
    result.inputs = x;
    result.inputs.push_back(static_cast<int32_t>(modulus));
    result.targets.assign(x.size(), CrossEntropyOptions().ignored);
    int32_t before = 0;
    for (const int32_t number : x) {
      result.targets.push_back(static_cast<int32_t>((before + number) % modulus));
      before = number;
    }
    result.inputs.insert(result.inputs.end(), result.targets.begin() + length, result.targets.end() - 1);
    return result;
  }
};

const Registered<Task, WindowSum> registered;

}  // namespace
}  // namespace transformlet
