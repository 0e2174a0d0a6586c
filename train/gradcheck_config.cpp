#include "train/gradcheck_config.h"

#include <algorithm>

#include "base/random.h"

namespace transformlet {
namespace {

std::optional<Mask> simple_mask(const std::string& word, int64_t batch, int64_t queries, int64_t keys, uint64_t seed) {
  RandomStream stream(RandomKey(seed) / "mask" / word);
  if (word == "none") return Mask::none();
  if (word == "causal") return Mask::causal();
  if (word == "sliding_window") return Mask::sliding_window(std::max<int64_t>(1, keys / 3));
  if (word == "padding") {
    std::vector<int64_t> lengths;
    for (int64_t sample = 0; sample < batch; ++sample) lengths.push_back(1 + stream.below(std::max<int64_t>(1, keys)));
    return Mask::padding(std::move(lengths));
  }
  if (word == "dense") {
    // Two of three pairs, and a row that sees nothing.
    std::vector<uint8_t> allowed;
    for (int64_t i = 0; i < queries * keys; ++i) allowed.push_back(i / keys != queries / 2 && stream.below(3) > 0);
    return Mask::dense(std::move(allowed), {queries, keys});
  }
  return std::nullopt;
}

}  // namespace

std::optional<Mask> mask_of(const std::string& words, int64_t batch, int64_t queries, int64_t keys, uint64_t seed) {
  Mask mask;
  for (size_t start = 0;;) {
    const size_t end = words.find('&', start);
    const std::optional<Mask> part = simple_mask(words.substr(start, end - start), batch, queries, keys, seed);
    if (!part) return std::nullopt;
    mask = mask & *part;
    if (end == words.npos) return mask;
    start = end + 1;
  }
}

void GradcheckConfig::describe(Fields& field) {
  field("mode", mode, "random directions through all entries (seconds), or every entry by itself",
        one_of({"directional", "full"}));
  field("order", order, "1: gradients; 2: also the gradients of gradients", between(1, 2));
  field("layers", layers, "which layers, by name; `model`: the model as a whole; empty: all");
  field("masks", masks,
        "none, causal, sliding_window, padding, dense, or several as causal&padding; empty: the task's");
  field("batch_size", batch_size, "examples to check on", between(1, 10000));
  field("seq_len", seq_len, "length of a layer's random input; 0: the task's, or 8", between(0, 100000));
  field("memory_len", memory_len, "length of a layer's second input; 0: that of the task's sources, or seq_len",
        between(0, 100000));
  field("dtype", dtype, "float64 proves; float32 shows what it can't tell", one_of({"float64", "float32"}));
  field("directions", directions, "how many, in directional mode", between(1, 1000));
  field("entries", entries, "of each tensor in full mode, drawn at random; 0: all", between(0, 1000000000));
  const auto known = [](const std::string& words) { return mask_of(words, 1, 1, 1, 0).has_value(); };
  field.check([&] { return std::all_of(masks.begin(), masks.end(), known); }, {"masks"},
              "holds masks made of none, causal, sliding_window, padding and dense, joined by &");
}

GradcheckOptions GradcheckConfig::options(uint64_t seed) const {
  return {.fast_mode = mode == "directional",
          .directions = static_cast<int>(directions),
          .max_entries = entries,
          .seed = seed};
}

bool GradcheckConfig::wants(const std::string& name) const {
  return layers.empty() || std::any_of(layers.begin(), layers.end(), [&](const std::string& word) {
           return name == word || name.starts_with(word + ".");
         });
}

void LayerCheckConfig::describe(Fields& field) {
  field("seed", seed, "what weights, inputs, masks and directions are a function of", at_least(0));
  field.variant("layer", "kind", layer, "the layer to check");
  field.group("gradcheck", gradcheck, "how it is checked");
}

void OpCheckConfig::describe(Fields& field) {
  field("seed", seed, "what inputs and directions are a function of", at_least(0));
  field.group("gradcheck", gradcheck, "how ops are checked");
}

}  // namespace transformlet
