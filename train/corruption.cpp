#include "train/corruption.h"

namespace transformlet {
namespace {

Tokens corrupted(const Tokens& tokens, const Corruption& corruption, int64_t vocab_size,
                 const std::vector<int64_t>& examples) {
  std::vector<int32_t> ids = tokens.ids();
  const auto length = static_cast<size_t>(tokens.shape()[1]);
  for (size_t i = 0; i < examples.size(); ++i) {
    RandomStream stream(corruption.key / examples[i]);
    for (size_t at = i * length; at < (i + 1) * length; ++at) {
      const double draw = stream.uniform();
      const auto other = static_cast<int32_t>(stream.below(vocab_size - 1));
      if (draw < corruption.share) ids[at] = other < ids[at] ? other : other + 1;
    }
  }
  return {std::move(ids), tokens.shape()};
}

}  // namespace

ModelInputs corrupted(const ModelInputs& inputs, const Corruption& corruption, const ModelSizes& sizes,
                      const std::vector<int64_t>& examples) {
  ModelInputs result = inputs;
  result.other = std::make_shared<const ModelInputs>(inputs);
  if (inputs.source.size() > 0) {
    result.source = corrupted(inputs.source, corruption, sizes.source_vocab_size, examples);
  } else {
    result.ids = corrupted(inputs.ids, corruption, sizes.vocab_size, examples);
  }
  return result;
}

}  // namespace transformlet
