#include "train/config/scalars.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace transformlet {
namespace {

template <size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::count(words, text) > 0;
}

constexpr std::array<std::string_view, 3> trues = {"true", "True", "TRUE"};
constexpr std::array<std::string_view, 3> falses = {"false", "False", "FALSE"};

std::string_view without_sign(std::string_view text) {
  return !text.empty() && (text[0] == '-' || text[0] == '+') ? text.substr(1) : text;
}

std::string_view without_plus(std::string_view text) { return text.starts_with('+') ? text.substr(1) : text; }

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_integer(std::string_view text) { return is_digits(without_sign(text)); }

// Digits with a point or an exponent or neither: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_number(std::string_view text) {
  text = without_sign(text);
  const size_t exponent = text.find_first_of("eE");
  if (exponent != text.npos && !is_integer(text.substr(exponent + 1))) return false;
  const std::string_view mantissa = text.substr(0, exponent);
  const size_t point = mantissa.find('.');
  if (point == mantissa.npos) return is_digits(mantissa);
  const std::string_view whole = mantissa.substr(0, point), part = mantissa.substr(point + 1);
  return (whole.empty() || is_digits(whole)) && (part.empty() || is_digits(part)) && mantissa.size() > 1;
}

bool is_infinite_or_nan(std::string_view text) {
  std::string word(without_sign(text));
  std::ranges::transform(word, word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return is_one_of(word, std::array<std::string_view, 5>{".inf", ".nan", "inf", "nan", "infinity"});
}

std::optional<double> to_double(std::string_view text) {
  double value = 0;
  const std::string_view digits = without_plus(text);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

bool is_plain(const YamlNode& node) { return node.kind == YamlNode::Kind::scalar && !node.quoted; }

}  // namespace

std::string expected(const std::string& wanted, const YamlNode& found) {
  switch (found.kind) {
    case YamlNode::Kind::null:
      return fmt::format("expected {}, found nothing", wanted);
    case YamlNode::Kind::list:
      return fmt::format("expected {}, found a list", wanted);
    case YamlNode::Kind::map:
      return fmt::format("expected {}, found a map", wanted);
    case YamlNode::Kind::scalar:
      break;
  }
  return fmt::format("expected {}, found {}'{}'", wanted, found.quoted ? "the string " : "", shown(found.text));
}

std::string read_scalar(const YamlNode& node, bool& value) {
  const bool is_true = is_plain(node) && is_one_of(node.text, trues);
  if (is_true || (is_plain(node) && is_one_of(node.text, falses))) {
    value = is_true;
    return {};
  }
  const std::string problem = expected("true or false", node);
  if (is_one_of(node.text,
                std::array<std::string_view, 10>{"yes", "Yes", "YES", "on", "On", "ON", "y", "Y", "1", "true"}))
    return problem + " (did you mean true?)";
  if (is_one_of(node.text,
                std::array<std::string_view, 10>{"no", "No", "NO", "off", "Off", "OFF", "n", "N", "0", "false"}))
    return problem + " (did you mean false?)";
  return problem;
}

std::string read_scalar(const YamlNode& node, int64_t& value) {
  const std::string problem = expected("an integer", node);
  if (node.quoted && is_integer(node.text)) return problem + " (leave out the quotes)";
  if (!is_plain(node) || !is_number(node.text)) return problem;
  if (is_integer(node.text)) {
    const std::string_view digits = without_plus(node.text);
    // Older YAML reads 010 as eight.
    if (without_sign(digits).size() > 1 && without_sign(digits)[0] == '0')
      return problem + " (leave out leading zeros)";
    int64_t integer = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), integer).ec != std::errc())
      return problem + " (it does not fit in 64 bits)";
    value = integer;
    return {};
  }
  // 1e3 or 2.0: a number whose value is whole is most likely meant, but its digits are asked for.
  const std::optional<double> number = to_double(node.text);
  if (!number || std::abs(*number) > 0x1p53 || *number != std::trunc(*number)) return problem;
  return fmt::format("{} (write {})", problem, static_cast<int64_t>(*number));
}

std::string read_scalar(const YamlNode& node, double& value) {
  const std::string problem = expected("a number", node);
  if (is_plain(node) && is_infinite_or_nan(node.text)) return fmt::format("must be finite, not {}", shown(node.text));
  if (!is_number(node.text)) return problem;
  if (node.quoted) return problem + " (leave out the quotes)";
  const std::optional<double> number = to_double(node.text);
  if (!number) return problem + " (it is out of the range of float64)";
  value = *number;
  return {};
}

std::string read_scalar(const YamlNode& node, std::string& value) {
  if (node.kind != YamlNode::Kind::scalar) return expected("a string", node);
  const bool is_other = is_number(node.text) || is_infinite_or_nan(node.text) || is_one_of(node.text, trues) ||
                        is_one_of(node.text, falses);
  if (!node.quoted && is_other) return expected("a string", node) + " (put it in quotes)";
  value = node.text;
  return {};
}

bool needs_quotes(const std::string& text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_safe = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
  };
  if (text.empty() || !is_letter(text[0]) || !std::ranges::all_of(text, is_safe)) return true;
  std::string word = text;
  std::ranges::transform(word, word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return is_infinite_or_nan(text) ||
         is_one_of(word, std::array<std::string_view, 9>{"true", "false", "null", "yes", "no", "on", "off", "y", "n"});
}

}  // namespace transformlet
