// What the model says at each place of the shown examples, and what a decoder would say after each of its blocks (the
// logit lens, study/logit_lens.cpp). Cost: a forward pass for each example, and the head's product for each block.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "train/report/examples.h"

namespace transformlet {

// With the weights that the model has. Of an example with more places the first ones are shown. Null: there are no
// tokens to predict.
nlohmann::ordered_json predictions_json(const Task& task, const Model& model,
                                        const std::vector<ShownExample>& examples);

}  // namespace transformlet
