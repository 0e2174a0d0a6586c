// JSON as text: small flat objects whose bytes depend on their values alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace transformlet {

struct JsonValue : std::variant<int64_t, double, std::string> {
  JsonValue(std::integral auto value) : variant(static_cast<int64_t>(value)) {}
  JsonValue(std::floating_point auto value) : variant(static_cast<double>(value)) {}
  JsonValue(std::string value) : variant(std::move(value)) {}
  JsonValue(const char* value) : variant(std::string(value)) {}
};

struct JsonField {
  std::string name;
  JsonValue value;
};
using JsonFields = std::vector<JsonField>;

// {"step": 10, "train/loss": 1.5}: one line, without its end, in the order given. A name may stand there only once.
std::string json_line(const JsonFields& fields);
// The same with a line for each field, and an end to the last.
std::string json_lines(const JsonFields& fields);

// A number as short as it can be without changing; one with a fraction or exponent, so that it stays a float: 2.0.
// JSON has no numbers that are not finite: they are the strings "NaN", "Infinity" and "-Infinity".
std::string json_number(double value);
// A text in quotes. It must be UTF-8.
std::string json_string(std::string_view text);

}  // namespace transformlet
