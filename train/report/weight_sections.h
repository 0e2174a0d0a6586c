// Spectra of the weights, and the first two principal components of embeddings, checkpoint by checkpoint. They are
// computed of what a checkpoint holds, so they need no model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "train/report/loaded_run.h"

namespace transformlet {

// The weights that a checkpoint's model is judged by: the averages, where there are some.
const std::vector<NamedTensor>& judged_weights(const Checkpoint& checkpoint);

class WeightSections {
 public:
  // `weights`: those of one checkpoint. What is computed of how many of them is chosen so that it takes about
  // `most_operations` at most; what is left out goes to `missing`.
  WeightSections(const LoadedRun& run, const std::vector<NamedTensor>& weights, const std::vector<int64_t>& steps,
                 double most_operations, std::vector<std::string>& missing);
  ~WeightSections();

  bool wants(int64_t step) const { return spectra_steps_.contains(step) || embedding_steps_.contains(step); }
  void add(int64_t step, const std::vector<NamedTensor>& weights);
  void add_to(nlohmann::ordered_json& json) const;  // "spectra" and "embeddings", where there are some

 private:
  struct Matrix;
  struct Table;
  std::vector<Matrix> matrices_;
  std::vector<Table> tables_;
  std::set<int64_t> spectra_steps_, embedding_steps_;
};

}  // namespace transformlet
