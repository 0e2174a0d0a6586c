// The examples that a report shows, some that the model has right and some that it has wrong, and how sure it is.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "study/calibration.h"
#include "train/experiment.h"

namespace transformlet {

// One example by itself, so that there is no padding.
struct ShownExample {
  std::string name;  // "test 12"
  bool right = false;
  Batch batch = {};
  // What stands in its sequences: "tokens", and "source" where there is one.
  std::map<std::string, std::vector<std::string>> sequences = {};
};

struct ChosenExamples {
  std::vector<ShownExample> shown;
  Calibration calibration = {};  // over all that were looked at
};

// Looks at the first few hundred examples of the test split (or validation, or training), with the weights that the
// model has, and takes the first that are right and the first that are wrong, half each where there are so many. Of
// real targets nothing is right or wrong: the first ones. Cost: a forward pass over them.
ChosenExamples choose_examples(const ExperimentConfig& config, const Model& model);

nlohmann::ordered_json examples_json(const std::vector<ShownExample>& examples);
nlohmann::ordered_json calibration_json(const Calibration& calibration);  // null: nothing was looked at

}  // namespace transformlet
