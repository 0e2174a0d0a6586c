// Multi-query associative recall (Arora et al. 2023, Zoology: Measuring and Improving Recall in Efficient Language
// Models): pairs of a key and a value, then the keys again, each to be answered with its value.
#include <algorithm>

#include "train/tasks/computed.h"

namespace transformlet {
namespace {

constexpr int32_t filler = 0;
constexpr int32_t ignored = CrossEntropyOptions().ignored;

// k1 v1 k2 v2 ... then, at random places, each key once more; 0 elsewhere. Keys are the lower half of the vocabulary,
// values the upper; in a sequence no key stands twice among the pairs. The target at a key that comes again is its
// value.
struct Recall : ComputedTask {
  static constexpr const char* name = "recall";
  static constexpr const char* help = "look up the values of keys that were given with them; the best loss is 0";

  int64_t vocab_size = 256, seq_len = 64, num_pairs = 4;

  void describe(Fields& field) override {
    field("vocab_size", vocab_size, "different tokens: half of them keys, half values", between(4, 1000000));
    field("seq_len", seq_len, "tokens of a sequence", between(3, 65536));
    field("num_pairs", num_pairs, "pairs of a key and a value", between(1, 10000));
    describe_sizes(field);
    field.check([&] { return 3 * num_pairs <= seq_len; }, {"num_pairs", "seq_len"},
                "needs three places of seq_len for each pair: key, value, and key again");
    field.check([&] { return num_pairs <= vocab_size / 2 - 1; }, {"num_pairs", "vocab_size"},
                "needs as many different keys: a larger vocab_size helps");
  }

  ModelSizes sizes() const override { return {.vocab_size = vocab_size, .classes = vocab_size, .max_length = seq_len}; }
  // Only values that were given are targets: functions of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 protected:
  Example example(Split split, RandomKey key) const override {
    const std::vector<int32_t> pairs = draw_in_split(split, key / "pairs", [this](RandomStream& stream) {
      std::vector<int32_t> keys, drawn;
      while (static_cast<int64_t>(keys.size()) < num_pairs) {
        const auto next = static_cast<int32_t>(1 + stream.below(vocab_size / 2 - 1));
        if (std::find(keys.begin(), keys.end(), next) == keys.end()) keys.push_back(next);
      }
      for (const int32_t one : keys) {
        drawn.push_back(one);
        drawn.push_back(static_cast<int32_t>(vocab_size / 2 + stream.below(vocab_size - vocab_size / 2)));
      }
      return drawn;
    });
    Example example{.inputs = pairs, .targets = {}};
    example.inputs.resize(static_cast<size_t>(seq_len), filler);
    example.targets.assign(static_cast<size_t>(seq_len), ignored);
    const std::vector<int64_t> places = shuffled(key / "places", seq_len - 2 * num_pairs);
    for (int64_t i = 0; i < num_pairs; ++i) {
      const auto place = static_cast<size_t>(2 * num_pairs + places[static_cast<size_t>(i)]);
      example.inputs[place] = pairs[static_cast<size_t>(2 * i)];
      example.targets[place] = pairs[static_cast<size_t>(2 * i + 1)];
    }
    return example;
  }
};

const Registered<Task, Recall> registered;

}  // namespace
}  // namespace transformlet
