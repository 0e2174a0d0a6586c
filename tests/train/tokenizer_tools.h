// What the tests of tokenizers share: the recorded ids (tests/golden/README.md).
#pragma once

#include <nlohmann/json.hpp>

#include "tests/train/storage_tools.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(TRANSFORMLET_SOURCE_DIR) / "tests" / "golden" / name;
}

inline nlohmann::json golden_json(const std::string& name) {
  return nlohmann::json::parse(bytes_of_file(golden_path(name)));
}

// A tokenizer.json with a value changed or added, each by its JSON pointer; the value null removes what is there.
inline std::string with(nlohmann::json file, const std::string& place, const nlohmann::json& value) {
  file[nlohmann::json::json_pointer(place)] = value;
  return file.dump();
}

}  // namespace transformlet
