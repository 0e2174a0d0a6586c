#include "study/attention_layers.h"

#include "layers/classifier.h"
#include "layers/decoder.h"
#include "layers/encoder_decoder.h"
#include "layers/sequence_predictor.h"

namespace transformlet {
namespace {

void add(const Encoder& encoder, const AttentionLayer& kind, std::vector<AttentionLayer>& layers) {
  for (const EncoderBlock& block : encoder.blocks) {
    layers.push_back(kind);
    layers.back().attention = &block.attention;
  }
}

// A classifier's mask, whose lengths count [CLS] too.
Mask with_cls(const ModelInputs& inputs) {
  const int64_t* const lengths = inputs.mask.lengths();
  if (lengths == nullptr) return inputs.mask;
  std::vector<int64_t> longer(lengths, lengths + inputs.ids.shape()[0]);
  for (int64_t& length : longer) ++length;
  return Mask::padding(std::move(longer));
}

}  // namespace

std::vector<AttentionLayer> attention_layers(const Model& whole, const ModelInputs& inputs) {
  const Model& model = whole.inside();
  std::vector<AttentionLayer> layers;
  if (const auto* const encoder = dynamic_cast<const SequencePredictor*>(&model)) {
    add(encoder->encoder, {.mask = inputs.mask}, layers);
  } else if (const auto* const decoder = dynamic_cast<const Decoder*>(&model)) {
    const Mask own = decoder->window > 0 ? Mask::sliding_window(decoder->window) : Mask::causal();
    add(decoder->blocks, {.mask = inputs.mask & own}, layers);
  } else if (const auto* const classifier = dynamic_cast<const Classifier*>(&model)) {
    const bool has_cls = classifier->cls.defined();
    add(classifier->encoder, {.mask = has_cls ? with_cls(inputs) : inputs.mask, .in_front = has_cls}, layers);
  } else if (const auto* const pair = dynamic_cast<const EncoderDecoder*>(&model)) {
    add(pair->encoder, {.mask = inputs.source_mask, .queries_source = true, .keys_source = true}, layers);
    for (const CrossBlock& block : pair->blocks) {
      layers.push_back({.attention = &block.attention, .mask = inputs.mask & Mask::causal()});
      layers.push_back({.attention = &block.cross_attention, .mask = inputs.source_mask, .keys_source = true});
    }
  }
  return layers;
}

}  // namespace transformlet
