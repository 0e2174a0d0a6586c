// Several opinions instead of one: the mean of their probabilities, as a model whose logits are its logarithm.
#pragma once

#include <vector>

#include "base/random.h"
#include "layers/model.h"

namespace transformlet {

// Of models that were trained from different seeds (deep ensembles, Lakshminarayanan et al. 2017). They must outlive
// it.
class Ensemble : public Model {
 public:
  explicit Ensemble(std::vector<const Model*> members) : members_(std::move(members)) {}

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override { return {}; }

 private:
  std::vector<const Model*> members_;
};

// Of one model whose dropout stays on, with so many masks (Gal and Ghahramani 2016, "Dropout as a Bayesian
// Approximation"). A mask is a function of the key, its number, and a sample's place in the batch.
class DropoutSamples : public Model {
 public:
  DropoutSamples(const Model& model, int64_t samples, RandomKey key) : model_(model), samples_(samples), key_(key) {}

  using Model::operator();
  Tensor operator()(const ModelInputs& inputs, const Pass& pass) const override;
  std::vector<NamedLayer> layers() const override { return {}; }

 private:
  const Model& model_;
  int64_t samples_;
  RandomKey key_;
};

}  // namespace transformlet
