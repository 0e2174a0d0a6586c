// Writes a config struct (base/fields.h) as YAML: every key with its value, in the order of `describe`. Reading it back
// gives the same values to the bit, and writing those gives the same bytes.
#pragma once

#include <functional>
#include <string>

#include "base/fields.h"

namespace transformlet {

std::string write_fields(const std::function<void(Fields&)>& describe);

template <class Config>
std::string write_config(const Config& config) {
  // `describe` hands out references that may be written through; the writer only reads.
  return write_fields([&](Fields& field) { const_cast<Config&>(config).describe(field); });
}

// One value as YAML on one line. Numbers are as short as they can be without changing; floats show that they are.
std::string yaml_text(const Value& value);

}  // namespace transformlet
