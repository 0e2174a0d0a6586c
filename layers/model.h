// What a task trains: a model made from its part of the config. A new kind of model is one new file that registers its
// config (layers/sequence_predictor.cpp).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/mask.h"
#include "base/fields.h"
#include "layers/pass.h"
#include "layers/scope.h"

namespace transformlet {

// A layer by itself, for checks: a function of one input (B, T, input_width), or of two.
struct NamedLayer {
  std::string name;  // its path: its parameters' names begin with it
  int64_t input_width;
  int64_t memory_width;  // of a second input (B, Tm, memory_width); 0: there is none
  bool takes_mask;
  std::function<Tensor(const TensorList& inputs, const Mask& mask, const Pass& pass)> call;
  int64_t num_heads = 0;  // of all attention in it; 0: there is none
};

// A layer of any form. What is returned refers to the layer.
template <class Layer>
NamedLayer named_layer(std::string name, int64_t input_width, const Layer& layer) {
  constexpr bool takes_mask = requires(const Tensor& x, const Mask& mask, const Pass& pass) { layer(x, mask, pass); };
  const auto call = [&layer](const TensorList& inputs, [[maybe_unused]] const Mask& mask,
                             [[maybe_unused]] const Pass& pass) {
    const Tensor& x = inputs.front();
    if constexpr (takes_mask) {
      return layer(x, mask, pass);
    } else if constexpr (requires { layer(x, pass); }) {
      return layer(x, pass);
    } else {
      return layer(x);
    }
  };
  int64_t num_heads = 0;
  if constexpr (requires { layer.options.num_heads; }) {
    num_heads = layer.options.num_heads;
  } else if constexpr (requires { layer.attention.options.num_heads; }) {
    num_heads = layer.attention.options.num_heads;
  }
  return {std::move(name), input_width, 0, takes_mask, call, num_heads};
}

// A layer without a model around it, with its keys: for checks (layers/layer_kinds.cpp).
class LayerConfig {
 public:
  virtual ~LayerConfig() = default;
  virtual void describe(Fields& field) = 0;
  virtual NamedLayer build(const Scope& scope) = 0;  // refers to this config, which holds the layer
};

// What a model reads: ids (B, T) under a mask, and, if it writes a sequence for another one, that other one; or real
// vectors in place of ids.
struct ModelInputs {
  Tokens ids = {};
  Mask mask = {};
  Tokens source = {};  // (B, Ts); empty: there is none
  Mask source_mask = {};
  Tensor memory = {};  // (B, Ts, width): what read() made of the source before; undefined: the source is read
  Tensor values = {};  // (B, features) or (B, T, features), of any dtype
  // Another input, which interventions take activations from (study/intervention.h); null: there is none.
  std::shared_ptr<const ModelInputs> other = {};
};

class Model {
 public:
  virtual ~Model() = default;
  // Logits: (B, T, classes), or (B, classes) of a model that judges sequences as a whole.
  virtual Tensor operator()(const ModelInputs& inputs, const Pass& pass) const = 0;
  Tensor operator()(const Tokens& ids, const Mask& mask, const Pass& pass) const { return (*this)({ids, mask}, pass); }
  // What a model that writes for a source makes of it, once for all that is written: (B, Ts, width).
  virtual Tensor read(const Tokens& /*source*/, const Mask& /*source_mask*/, const Pass& /*pass*/) const {
    fail("this model reads no source");
  }
  virtual std::vector<NamedLayer> layers() const = 0;
  // The model of layers, without what is wrapped around it (study/intervention.h): for those who read its weights.
  virtual const Model& inside() const { return *this; }
};

// What the task asks of the model.
struct ModelSizes {
  int64_t vocab_size = 0;                                // of the inputs; 0: they are real
  int64_t classes = 0;                                   // of the outputs: numbers at each place
  int64_t max_length = 0;                                // of a sequence
  int64_t source_vocab_size = 0, source_max_length = 0;  // of the source; 0: there is none
  bool whole_sequences = false;                          // one target for a sequence, instead of one for each place
  // Only so many places at the end of each sequence have targets; 0: all may. A model may give zeros for the others.
  int64_t asked_places = 0;
  int64_t features = 0;  // of real inputs: numbers at each place; 0: they are tokens
};

// A kind of model, with its keys. Derived: static name and help, and Registered<ModelConfig, ...>.
class ModelConfig {
 public:
  virtual ~ModelConfig() = default;
  virtual void describe(Fields& field) = 0;
  virtual std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const = 0;
  virtual bool reads_real_inputs() const { return false; }
  // Why the model can't do such a task, if it can read its inputs; empty: it can.
  virtual std::string misfit(const ModelSizes& sizes) const {
    if (sizes.source_vocab_size > 0) return "reads no source, and this task has one: encoder_decoder reads it";
    return sizes.whole_sequences ? "answers at each place, and this task asks for one answer to a sequence" : "";
  }
  // What Adam's learning rate of weights is to be multiplied by, those that read ids excepted.
  virtual double rate_scale() const { return 1; }
  // How many numbers a training step keeps for each token, at most; `recompute`: of a pass that recomputes.
  virtual double activations_per_token(const ModelSizes& sizes, bool recompute) const = 0;
  // The multiplications and additions in the matrix products of a training step on one example of the greatest length,
  // counted as a profile does (autograd/profile.h); `recompute`: of a pass that recomputes. Of the masks only the
  // model's own counts.
  virtual double product_operations(const ModelSizes& sizes, bool recompute) const = 0;
};

// The place of a word in a list of names: enums in configs are words.
template <class Enum>
Enum chosen(const std::string& word, const std::vector<std::string>& names) {
  int index = 0;
  for (const std::string& name : names) {
    if (word == name) return static_cast<Enum>(index);
    ++index;
  }
  fail("'{}' is none of {}", word, fmt::join(names, ", "));
}

}  // namespace transformlet
