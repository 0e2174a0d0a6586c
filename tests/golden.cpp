#include "tests/golden.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

GoldenArray read_array(const Json& json) {
  GoldenArray array{json.at("shape").get<std::vector<int64_t>>(), json.at("data").get<std::vector<double>>()};
  int64_t size = 1;
  for (int64_t extent : array.shape) size *= extent;
  require(size == static_cast<int64_t>(array.data.size()), "{} numbers for a shape of {}", array.data.size(), size);
  return array;
}

std::map<std::string, GoldenArray> read_arrays(const Json& json) {
  std::map<std::string, GoldenArray> arrays;
  for (const auto& [name, value] : json.items()) arrays[name] = read_array(value);
  return arrays;
}

GoldenCase read_case(const Json& json) {
  GoldenCase result;
  result.name = json.at("name").get<std::string>();
  try {
    result.inputs = read_arrays(json.at("inputs"));
    result.outputs = read_arrays(json.at("outputs"));
    result.gradients = read_arrays(json.at("gradients"));
    for (const auto& [name, value] : json.at("settings").items()) {
      if (value.is_string())
        result.words[name] = value.get<std::string>();
      else if (value.is_boolean())
        result.settings[name] = value.get<bool>() ? 1 : 0;
      else
        result.settings[name] = value.get<double>();
    }
  } catch (const std::exception& error) {
    fail("case {}: {}", result.name, error.what());
  }
  return result;
}

template <class T>
double error_of(const GoldenArray& expected, std::span<const T> actual) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (expected.data.size() != actual.size()) return infinity;
  double largest = 0, difference = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i])) return infinity;
    largest = std::max(largest, std::abs(expected.data[i]));
    difference = std::max(difference, std::abs(static_cast<double>(actual[i]) - expected.data[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace

std::vector<GoldenCase> load_golden(const std::string& file) {
  const std::string path = TRANSFORMLET_SOURCE_DIR "/tests/golden/" + file;
  std::ifstream stream(path);
  require(stream.is_open(), "{}: cannot be read", path);
  std::vector<GoldenCase> cases;
  try {
    const Json whole = Json::parse(stream);
    for (const Json& json : whole.at("cases")) cases.push_back(read_case(json));
  } catch (const std::exception& error) {
    fail("{}: {}", path, error.what());
  }
  return cases;
}

const GoldenCase& golden_case(const std::vector<GoldenCase>& cases, const std::string& name) {
  const auto found = std::ranges::find(cases, name, &GoldenCase::name);
  require(found != cases.end(), "no golden case is named {}", name);
  return *found;
}

double golden_error(const GoldenArray& expected, std::span<const double> actual) { return error_of(expected, actual); }
double golden_error(const GoldenArray& expected, std::span<const float> actual) { return error_of(expected, actual); }

}  // namespace transformlet
