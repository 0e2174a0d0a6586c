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

// Of configs that are of either kind: those with the key are `WithKey`s. An editor then marks what is wrong with the
// kind that is meant, which it could not with anyOf.
std::string config_schema_by_key(const std::string& title, const std::string& key,
                                 const std::function<void(Fields&)>& with_key,
                                 const std::function<void(Fields&)>& without);

template <class WithKey, class Without>
std::string config_schema_by_key(const std::string& title, const std::string& key) {
  WithKey with_key;
  Without without;
  return config_schema_by_key(
      title, key, [&](Fields& field) { with_key.describe(field); }, [&](Fields& field) { without.describe(field); });
}

}  // namespace transformlet
