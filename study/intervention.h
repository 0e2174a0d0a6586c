// What is done to a model's activations, and what comes of it: ablation (Michel et al. 2019, "Are Sixteen Heads Really
// Better than One?"), and patching (Vig et al. 2020; Meng et al. 2022, "Locating and Editing Factual Associations",
// causal tracing). With x the activation, in each sample i of the batch that is computed at a time:
//
//   zero      x_i <- 0
//   mean      x_i <- the mean of x over the samples, place by place, padding included
//   resample  x_i <- x_j, where one cycle through all samples, a function of the key, leads from i to j
//             (Chan et al. 2022, "Causal Scrubbing")
//   scale     x_i <- factor * x_i
//   patch     x_i <- what another model has there, or this one for another input (ModelInputs::other)
//
// each at the chosen heads and positions alone. Several at one activation are done in their order. Gradients go through
// all of them; to what a patch puts there they do not. Cost: a forward pass more for each model that is patched from.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "layers/tap_points.h"

namespace transformlet {

struct Intervention {
  std::string kind = "zero";
  std::vector<std::string> at;          // patterns of names (base/name_patterns.h)
  std::vector<int64_t> heads = {};      // empty: all
  std::vector<int64_t> positions = {};  // empty: all; of queries, where the activation is of weights; -1: the last
  double factor = 1;                    // of scale
  std::string from = {};                // of patch: the run; empty: the same model for another input

  void describe(Fields& field);
  // Mean, resample and patch do, and positions from the end: a search that reads on token by token has none.
  bool needs_whole_sequences() const;
};

// A model whose activations are changed in each pass, whoever makes it: training, evaluation, a probe's own tap, which
// sees what has been changed. Random numbers are a function of the key and the pass.
class IntervenedModel : public Model {
 public:
  // Those that patches come from, by Intervention::from.
  using Others = std::map<std::string, std::shared_ptr<const Model>>;

  // A UsageError, opened by "interventions[i]", if a name matches nothing, or there is no such head or position.
  IntervenedModel(std::unique_ptr<Model> model, const std::vector<Intervention>& interventions, const ModelSizes& sizes,
                  RandomKey key, Others others = {});

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  Tensor read(const Tokens& source, const Mask& source_mask, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override { return model_->layers(); }
  const Model& inside() const override { return *model_; }

 private:
  friend class Intervening;
  using Activations = std::map<std::string, Tensor, std::less<>>;

  std::vector<Activations> patches(const ModelInputs& inputs) const;

  std::unique_ptr<Model> model_;
  std::vector<Intervention> interventions_;
  std::vector<std::vector<std::string>> names_;  // beside them: where each is done
  RandomKey key_;
  Others others_;
};

}  // namespace transformlet
