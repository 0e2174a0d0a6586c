// A layout's table of keys (layouts.h), applied: their config.json to our keys, and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/experiment.h"
#include "train/weights/flat_json.h"
#include "train/weights/layouts.h"
#include "train/weights/name_map.h"

namespace transformlet {

// The keys of a config's `model:` with their values, `kind` among them; and vocab_size, of the task. What stands for a
// default is put in its place: d_ff, max_length, dropouts; heads of keys and values are 0 if there are as many as of
// queries.
FlatJson keys_of_model(const ExperimentConfig& config);

// How the packed projections of such a model are divided.
PackedRows packed_rows(const FlatJson& keys);

// The same keys from their config.json. One Error, which names the file, lists all that is wrong or has no place here.
FlatJson keys_from_theirs(const Layout& layout, const std::filesystem::path& config_json);

// The text of a config.json that says the same. One UsageError lists all keys that the layout has no place for; `notes`
// takes a line for each that matters in training alone.
std::string keys_to_theirs(const Layout& layout, const FlatJson& ours, DType dtype, std::vector<std::string>& notes);

// Those keys as the text of a config: a model, the layout's task in its sizes (unless `with_task` is false), and
// batches of one, which fit where the model does.
std::string config_text(const Layout& layout, FlatJson ours, DType dtype, bool with_task);

}  // namespace transformlet
