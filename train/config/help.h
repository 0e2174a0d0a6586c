// What a config may say, for a terminal: every key with its help, type, bounds and default, and every alternative.
#pragma once

#include <functional>
#include <string>

#include "base/fields.h"

namespace transformlet {

// One line for each key, which starts with the key's whole path, as overrides write it.
std::string config_help(const std::function<void(Fields&)>& describe);

template <class Config>
std::string config_help() {
  Config config;
  return config_help([&](Fields& field) { config.describe(field); });
}

}  // namespace transformlet
