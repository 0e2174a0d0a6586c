// What one forward pass is about: training or not, the randomness of dropout, and who listens to activations.
#pragma once

#include <string>
#include <string_view>

#include "autograd/ops.h"
#include "layers/cache.h"

namespace transformlet {

// Listens to named activations of a pass, and may replace them: probes, interventions, attention maps.
// Names are those of the layers: "encoder.blocks.0.attention.weights".
class Tap {
 public:
  virtual ~Tap() = default;
  // Layers may take a slower path to produce an activation that somebody wants (attention weights).
  virtual bool wants(std::string_view name) const = 0;
  // Called for activations that are wanted. What it returns takes the place of x.
  virtual Tensor receive(std::string_view name, const Tensor& x) = 0;
};

class Pass {
 public:
  static Pass evaluation() { return Pass(); }
  // Dropout's masks are a function of the seed, the step, the layer, and each sample's place in the whole batch: the
  // first sample of this pass stands there at `first_sample`.
  static Pass training(uint64_t seed, int64_t step, int64_t first_sample = 0);

  bool is_training() const { return training_; }

  // The same pass with a listener.
  Pass with_tap(Tap& tap) const;
  Tap* listener() const { return tap_; }  // null: nobody listens
  // For what else a pass draws: in training its own for each step.
  RandomKey key() const { return key_; }
  // The same pass for the n-th call of a layer that is called more than once, so that each call has its own masks.
  Pass with_call(int64_t call) const;

  // The same pass with activations of blocks that are dropped and computed again in the backward pass (or not). The
  // numbers are the same to the bit. A listener wins: it is to see each activation once, as a part of the graph.
  Pass with_recompute(bool recompute) const;
  // The same pass as a continuation: attention layers take the keys and values of the tokens before from the cache, and
  // leave theirs there. Whoever runs the pass calls advance() after it.
  Pass with_cache(KeyValueCache& cache) const;
  KeyValueCache* cache() const { return cache_; }
  // The position of the pass's first token.
  int64_t offset() const { return cache_ == nullptr ? 0 : cache_->length(); }

  bool has_listener() const { return tap_ != nullptr; }
  bool recomputes() const { return recompute_ && tap_ == nullptr; }

  // Dropout in training, x itself otherwise. `site` is the path of the layer.
  Tensor dropout(const std::string& site, const Tensor& x, double probability) const;
  DropoutKey dropout_key(const std::string& site) const;

  bool wants(const std::string& path, std::string_view name) const;
  // Hands the activation path.name to the listener; returns x or what takes its place. Costs nothing without a
  // listener.
  Tensor tap(const std::string& path, std::string_view name, const Tensor& x) const;

 private:
  Pass() = default;

  bool training_ = false;
  RandomKey key_{0};
  int64_t call_ = 0;
  int64_t first_sample_ = 0;
  bool recompute_ = false;
  Tap* tap_ = nullptr;
  KeyValueCache* cache_ = nullptr;
};

}  // namespace transformlet
