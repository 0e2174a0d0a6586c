// What attention looks at on the shown examples, checkpoint by checkpoint: all layers and heads, each with a label.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "train/report/examples.h"

namespace transformlet {

// How many examples, of how many checkpoints and layers, are kept, so that they take about `most_bytes` at most before
// they are deflated: checkpoints go first, then examples, then layers; one of each always stays, unless it is more than
// twice that size. all_layers: that the model has.
struct AttentionExtent {
  size_t checkpoints = 0, examples = 0, layers = 0, all_layers = 0;
};
AttentionExtent attention_extent(const Model& model, const std::vector<ShownExample>& examples, size_t checkpoints,
                                 double most_bytes);

class AttentionMaps {
 public:
  AttentionMaps();
  ~AttentionMaps();

  // With the weights that the model has, of so many layers, spread evenly. They and the examples are the same each
  // time.
  void add(int64_t step, const Model& model, const std::vector<ShownExample>& examples, size_t layers);
  nlohmann::ordered_json json() const;  // null: there is none
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  struct Map;
  std::vector<Map> maps_;
  std::vector<int64_t> steps_;
  size_t examples_ = 0;
  std::vector<std::string> missing_;
};

}  // namespace transformlet
