// A JSON Schema (draft 2020-12) of a config, for editors: they complete keys, show help and mark what is wrong.
// Rules between keys are beyond it; the reader has the last word.
#pragma once

#include <functional>
#include <string>

#include "base/fields.h"

namespace transformlet {

std::string config_schema(const std::string& title, const std::function<void(Fields&)>& describe);

template <class Config>
std::string config_schema(const std::string& title) {
  Config config;
  return config_schema(title, [&](Fields& field) { config.describe(field); });
}

}  // namespace transformlet
