#include "train/json_text.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "train/config/errors.h"

namespace transformlet {
namespace {

std::string text_of(const JsonValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return json_number(*number);
  return json_string(std::get<std::string>(value));
}

std::string object(const JsonFields& fields, std::string_view open, std::string_view between, std::string_view close) {
  std::unordered_set<std::string_view> names;
  std::string text(open);
  for (const JsonField& field : fields) {
    require(names.insert(field.name).second, "'{}' is given twice", shown(field.name));
    if (names.size() > 1) text += between;
    text += json_string(field.name) + ": " + text_of(field.value);
  }
  return text += close;
}

}  // namespace

std::string json_line(const JsonFields& fields) { return object(fields, "{", ", ", "}"); }
std::string json_lines(const JsonFields& fields) { return object(fields, "{\n  ", ",\n  ", "\n}\n"); }

std::string json_number(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  char digits[32];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    fail("'{}' is not UTF-8", shown(std::string(text)));
  }
}

}  // namespace transformlet
