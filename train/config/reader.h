// Reads YAML into a config struct (base/fields.h). What is wrong is reported together, in one ConfigError: unknown,
// duplicate and missing keys, wrong types, broken rules, text that is no YAML. Each has a line of its own:
//   configs/reverse.yaml:7:9: train.max_stepz: unknown key (did you mean max_steps?)
//
// What counts as what is YAML 1.2's core schema, read strictly: a bool is true or false (not yes or on); an integer is
// decimal digits (not 1e3, 1.0, 0x10, 010 or "3"); a string that looks like a number, a bool or null needs quotes;
// null (or nothing) stands for nothing but an absent optional number. Anchors and aliases are fine; merge keys (<<)
// and tags are not. A file has at most 1 MiB.
//
// An override is `key.path=value`, the value in YAML. It replaces what the file says, or adds to it, before anything is
// checked; where two override the same key, the last one wins. An override that chooses another alternative
// (`optimizer.name=sgd`) leaves the file's keys for the old one in place: those that the new one lacks are unknown.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fields.h"

namespace transformlet {

class ConfigError : public UsageError {
 public:
  using UsageError::UsageError;
};

// Visits a config with every value from the text; `source` names the text in errors, `run` the folder of the run that
// it is that of, if any (Fields::run_folder). Throws ConfigError.
void read_config(const std::string& source, const std::string& text, const std::vector<std::string>& overrides,
                 const std::function<void(Fields&)>& describe, const std::filesystem::path& run = {});

// The text of a config file. Throws ConfigError if there is none, or none that could be a config.
std::string read_config_bytes(const std::filesystem::path& path);

// Whether a config, with its overrides, has a key at the top. What is wrong with the text is said when it is read.
bool config_has_key(const std::string& text, const std::vector<std::string>& overrides, const std::string& key);

template <class Config>
Config read_config_text(const std::string& source, const std::string& text,
                        const std::vector<std::string>& overrides = {}) {
  Config config;
  read_config(source, text, overrides, [&](Fields& field) { config.describe(field); });
  return config;
}

template <class Config>
Config read_config_file(const std::filesystem::path& path, const std::vector<std::string>& overrides = {}) {
  return read_config_text<Config>(path.string(), read_config_bytes(path), overrides);
}

// The config of a run, from its folder.
template <class Config>
Config read_run_config(const std::filesystem::path& run, const std::vector<std::string>& overrides = {}) {
  const std::filesystem::path path = run / "config.yaml";
  Config config;
  read_config(
      path.string(), read_config_bytes(path), overrides, [&](Fields& field) { config.describe(field); }, run);
  return config;
}

}  // namespace transformlet
