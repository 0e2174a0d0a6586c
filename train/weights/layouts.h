// How other programs name and lay out a model's weights, and what they call its keys: layouts.cpp holds the tables,
// name_map.h and config_json.h apply them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace transformlet {

// A parameter of ours, and where it stands on their side:
//   *        the number of a block, the same on both sides
//   {q,k,v}  three tensors of theirs, for queries, keys and values; their rows follow each other in ours
//   ^T       a matrix of theirs is the transpose of ours
struct WeightRule {
  std::string ours, theirs;
};

using Words = std::vector<std::pair<std::string, std::string>>;

// A key of their config.json, and the key of our `model:` that says the same. "a|b": either name; a is written.
struct KeyRule {
  std::string theirs, ours;
  // Our value if it is not there, or null; without one it must be there.
  nlohmann::json otherwise = {};
  // What is called by other words: theirs, ours. Without any it is a number or a bool, the same on both sides.
  Words words = {};
};

// A key that has to have a certain value, or one of several; the first is the one that is written.
struct FixedKey {
  std::string name;
  std::vector<nlohmann::json> values;
};

struct Layout {
  std::string name, help;
  std::string prefix;  // theirs, of most names: files of a model without its head have none
  std::vector<WeightRule> weights;
  std::vector<std::string> ignored = {};     // their tensors that hold no weights
  std::string tied_head = {}, tied_to = {};  // their tensor that may repeat another one of theirs, if we have no head
  std::vector<std::string> ours_only = {};   // parts of a model that they have no place for
  std::vector<KeyRule> keys;
  std::vector<FixedKey> our_fixed_keys, their_fixed_keys = {};
  std::vector<std::string> training_only =
      {};                            // keys of ours that they have no place for; they matter in training alone
  nlohmann::json also_written = {};  // into config.json
  std::string task;                  // of a run that is imported, unless another is asked for
};

const std::vector<Layout>& layouts();

// A UsageError that names those there are, if there is none of this name. `command` opens the message.
const Layout& layout_named(const std::string& name, const std::string& command);

}  // namespace transformlet
