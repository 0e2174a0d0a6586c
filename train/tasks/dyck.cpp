// Well-nested brackets of several kinds with bounded depth: the language Dyck-(k, m) (Hewitt et al. 2020, RNNs can
// generate bounded hierarchical languages with optimal memory). Which bracket closes is a function of what is open.
#include <cmath>

#include "train/tasks/computed.h"

namespace transformlet {
namespace {

// Tokens: 0 begins, 1 ... k open, k + 1 ... 2 k close. At depth 0 a bracket opens, at depth m the last one closes,
// between them either happens with probability 1/2; which kind opens is even. So every next token has a known
// probability.
struct Dyck : ComputedTask {
  static constexpr const char* name = "dyck";
  static constexpr const char* help =
      "predict each next bracket of a nested string; nothing is known of what opens (log num_kinds), all of what "
      "closes";

  int64_t num_kinds = 4, max_depth = 4, seq_len = 64;

  void describe(Fields& field) override {
    field("num_kinds", num_kinds, "kinds of brackets", between(1, 10000));
    field("max_depth", max_depth, "brackets that may be open at a time", between(1, 10000));
    field("seq_len", seq_len, "brackets in a string", between(8, 65536));
    describe_sizes(field);
  }

  ModelSizes sizes() const override {
    return {.vocab_size = 2 * num_kinds + 1, .classes = 2 * num_kinds + 1, .max_length = seq_len};
  }

  std::optional<double> best_loss(const Batch& batch) const override {
    double loss = 0;
    int64_t depth = 0;
    for (int64_t i = 0; i < batch.targets.size(); ++i) {
      if (i % seq_len == 0) depth = 0;
      const bool opens = batch.targets[i] <= num_kinds;
      if (0 < depth && depth < max_depth) loss += std::log(2.0);
      if (opens) loss += std::log(static_cast<double>(num_kinds));
      depth += opens ? 1 : -1;
    }
    return loss;
  }

 protected:
  Example example(Split split, RandomKey key) const override {
    Example example;
    example.targets = draw_in_split(split, key, [this](RandomStream& stream) {
      std::vector<int32_t> open, text;
      for (int64_t i = 0; i < seq_len; ++i) {
        const auto depth = static_cast<int64_t>(open.size());
        const bool opens = depth == 0 || (depth < max_depth && stream.below(2) == 0);
        if (opens) open.push_back(static_cast<int32_t>(1 + stream.below(num_kinds)));
        text.push_back(opens ? open.back() : open.back() + static_cast<int32_t>(num_kinds));
        if (!opens) open.pop_back();
      }
      return text;
    });
    example.inputs = {0};
    example.inputs.insert(example.inputs.end(), example.targets.begin(), example.targets.end() - 1);
    return example;
  }
};

const Registered<Task, Dyck> registered;

}  // namespace
}  // namespace transformlet
