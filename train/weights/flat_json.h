// The numbers, words and bools of a JSON object, as config.json of a model is one.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace transformlet {

// "n_embd" -> 768, "rope_parameters.rope_theta" -> 10000.0: values of the object by their names, and those of objects
// in it by both names. What lies deeper, and lists, stand as the words "a list" and "an object" in their places.
using FlatJson = std::map<std::string, nlohmann::json>;

// The values that have one of the wanted names. Whatever the file's bytes are, the outcome is these, or an Error that
// names the file and what is wrong with it. A file of more than a MiB is refused. Nothing is kept but what is wanted.
FlatJson read_flat_json(const std::filesystem::path& path, const std::set<std::string>& wanted);

}  // namespace transformlet
