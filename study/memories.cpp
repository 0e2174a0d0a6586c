// Whether feed-forward layers work as memories of keys and values (study/key_value_memories.h). For the feed-forward
// layer of each block:
//
//   agreement   share of hidden units whose value promotes most what follows the token that triggers the unit most
//               (Geva et al. 2021, section 4), of those that are triggered; by chance about 1 / classes
//
// On examples that training does not see. For decoders. `transformlet memories RUN` shows the units themselves. Cost:
// for each block a forward pass, and the product (d_ff, d_model) x (d_model, classes).
#include "study/key_value_memories.h"
#include "study/probe.h"

namespace transformlet {
namespace {

struct Memories : Probe {
  static constexpr const char* name = "memories";
  static constexpr const char* help =
      "of feed-forward layers: do units promote what follows the token that triggers them?";

  std::string misfit(const Model& model, const ModelSizes& sizes) const override {
    const auto* const decoder = dynamic_cast<const Decoder*>(&model);
    if (decoder == nullptr) return "compares hidden units with the head: it needs model.kind: decoder";
    if (sizes.features > 0) return "looks at tokens, and this task has none";
    return decoder->blocks.blocks.front().feed_forward ? "" : "looks at feed-forward layers, and this model has none";
  }

  Measurements measure(const ProbeView& view) const override {
    const auto& decoder = dynamic_cast<const Decoder&>(view.model.inside());
    Measurements result;
    for (size_t block = 0; block < decoder.blocks.blocks.size(); ++block) {
      const std::vector<Memory> memories = key_value_memories(decoder, view.examples, static_cast<int64_t>(block), 1);
      if (const std::optional<double> value = agreement(memories, view.targets)) {
        result.emplace_back(decoder.blocks.blocks[block].feed_forward->path + "/agreement", *value);
      }
    }
    return result;
  }
};

const Registered<Probe, Memories> registered;

}  // namespace
}  // namespace transformlet
