// Parity of a string of bits: the classic function that attention finds hard (Hahn 2020, Theoretical Limitations of
// Self-Attention in Neural Sequence Models).
#include "train/tasks/computed.h"

namespace transformlet {
namespace {

struct Parity : ComputedTask {
  static constexpr const char* name = "parity";
  static constexpr const char* help =
      "whether the ones of a string of bits are odd in number, at the end or at every place; the best loss is 0";

  int64_t seq_len = 16;
  bool at_every_place = true;

  void describe(Fields& field) override {
    field("seq_len", seq_len, "bits in a string", between(5, 65536));
    field("at_every_place", at_every_place, "the parity of the bits so far; false: only that of the whole string");
    describe_sizes(field);
  }

  ModelSizes sizes() const override { return {.vocab_size = 2, .classes = 2, .max_length = seq_len}; }
  // Every target is a function of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 protected:
  Example example(Split split, RandomKey key) const override {
    Example example;
    example.inputs = draw_in_split(split, key, [this](RandomStream& stream) {
      std::vector<int32_t> bits;
      for (int64_t i = 0; i < seq_len; ++i) bits.push_back(static_cast<int32_t>(stream.below(2)));
      return bits;
    });
    int32_t odd = 0;
    for (const int32_t bit : example.inputs) {
      odd ^= bit;
      example.targets.push_back(at_every_place ? odd : CrossEntropyOptions().ignored);
    }
    example.targets.back() = odd;
    return example;
  }
};

const Registered<Task, Parity> registered;

}  // namespace
}  // namespace transformlet
