// What tests of probes share: a probe's measurements by name, and what it is shown.
#pragma once

#include <map>
#include <string>

#include "layers/decoder.h"
#include "tests/study/probe_from_keys.h"

namespace transformlet {

inline std::map<std::string, double> measured(const std::string& name, const ProbeView& view,
                                              const std::string& keys = "") {
  return measured_with(name, keys, view);
}

inline ProbeView view_of(const Model& model, const Parameters& parameters, const ModelInputs& examples,
                         const TensorList& updates = {}, const std::function<TensorList()>& gradients = {}) {
  return {.step = 1,
          .model = model,
          .parameters = parameters,
          .examples = examples,
          .updates = updates,
          .gradients = gradients};
}

// Two blocks of two heads, 8 wide, over 11 ids; weights are large, so that nothing is about zero.
inline DecoderOptions small_decoder() {
  DecoderOptions options;
  options.blocks = {.num_layers = 2,
                    .num_heads = 2,
                    .d_model = 8,
                    .d_ff = 16,
                    .norm_position = NormPosition::pre,
                    .final_norm = true,
                    .initializers = gpt2_initializers(2, 0.5)};
  options.tie_embeddings = false;
  options.init_deviation = 0.5;
  return options;
}

// Such a decoder in float64, with examples: four times nine tokens, each of which is to tell the next.
struct SmallDecoder {
  explicit SmallDecoder(const DecoderOptions& options = small_decoder())
      : model(Scope(parameters, 3, DType::float64), options, {.vocab_size = 11, .classes = 11, .max_length = 9}) {
    std::vector<int32_t> ids, next;
    for (int32_t i = 0; i < 36; ++i) {
      ids.push_back(i * i % 11);
      next.push_back((i + 1) * (i + 1) % 11);
    }
    examples.ids = Tokens(ids, {4, 9});
    targets = Tokens(next, {4, 9});
  }

  ProbeView view() const {
    return {.step = 0, .model = model, .parameters = parameters, .examples = examples, .targets = targets};
  }

  Tensor parameter(const std::string& name) const {
    for (const Parameter& p : parameters.list()) {
      if (p.value.name() == name) return p.value;
    }
    fail("no parameter is called {}", name);
  }

  Parameters parameters;
  Decoder model;
  ModelInputs examples;
  Tokens targets;
};

}  // namespace transformlet
