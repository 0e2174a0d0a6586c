#include "train/tasks/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "train/config/errors.h"
#include "train/json_text.h"
#include "train/text_files.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

constexpr size_t largest_vocabulary = 1 << 24;

std::vector<std::string> list_of_strings(const Json& json, const char* key) {
  require(json.contains(key) && json[key].is_array(), "{} is no list", key);
  std::vector<std::string> result;
  for (const Json& symbol : json[key]) {
    require(symbol.is_string(), "{}[{}] is no string", key, result.size());
    result.push_back(symbol.get<std::string>());
  }
  return result;
}

std::string json_list(const auto begin, const auto end) {
  std::string text;
  for (auto symbol = begin; symbol != end; ++symbol) {
    text += fmt::format("{}\n  {}", symbol == begin ? "" : ",", json_string(*symbol));
  }
  return text;
}

}  // namespace

std::vector<std::string_view> symbols_of(std::string_view text, bool words) {
  std::vector<std::string_view> symbols;
  size_t word = 0;  // where the present one begins
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    require(length > 0, "byte 0x{:02x} is not UTF-8 text", static_cast<unsigned char>(text[at]));
    const bool is_space = text[at] == ' ';
    if (!words) symbols.push_back(text.substr(at, length));
    if (words && is_space && at > word) symbols.push_back(text.substr(word, at - word));
    at += length;
    if (is_space) word = at;
  }
  if (words && word < text.size()) symbols.push_back(text.substr(word));
  return symbols;
}

Vocabulary::Vocabulary(std::vector<std::string> symbols, std::vector<std::string> special)
    : names_(std::move(special)), special_(names_.size()) {
  require(special_ + symbols.size() <= largest_vocabulary, "{} symbols are more than the {} allowed",
          special_ + symbols.size(), largest_vocabulary);
  for (const std::string& name : names_) {
    require(std::ranges::count(names_, name) == 1, "the special symbol '{}' is there twice", shown(name));
  }
  const auto unknown = std::ranges::find(names_, unknown_name);
  if (unknown != names_.end()) unknown_ = static_cast<int32_t>(unknown - names_.begin());
  for (std::string& symbol : symbols) {
    require(!symbol.empty(), "the symbol with id {} is empty", names_.size());
    require(utf8_prefix(symbol) == symbol.size(), "the symbol with id {} is not UTF-8", names_.size());
    require(ids_.emplace(symbol, static_cast<int32_t>(names_.size())).second, "the symbol '{}' is there twice",
            shown(symbol));
    names_.push_back(std::move(symbol));
  }
}

Vocabulary Vocabulary::most_frequent(const SymbolCounts& counts, int64_t min_count, std::vector<std::string> special) {
  std::vector<std::pair<int64_t, std::string>> frequent;
  for (const auto& [symbol, count] : counts) {
    if (count >= min_count) frequent.emplace_back(count, symbol);
  }
  // The map's order is that of bytes, which in UTF-8 is that of code points.
  std::ranges::stable_sort(frequent, std::ranges::greater(), [](const auto& entry) { return entry.first; });
  std::vector<std::string> symbols;
  symbols.reserve(frequent.size());
  for (auto& [count, symbol] : frequent) symbols.push_back(std::move(symbol));
  return Vocabulary(std::move(symbols), std::move(special));
}

std::optional<int32_t> Vocabulary::find(std::string_view symbol) const {
  const auto found = ids_.find(symbol);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

int32_t Vocabulary::id_of(std::string_view symbol) const {
  const std::optional<int32_t> id = find(symbol);
  require(id || unknown_, "'{}' is not in the vocabulary", shown(std::string(symbol)));
  return id ? *id : *unknown_;
}

int32_t Vocabulary::id_of_special(std::string_view name) const {
  const auto end = names_.begin() + static_cast<std::ptrdiff_t>(special_);
  const auto found = std::find(names_.begin(), end, name);
  require(found != end, "the vocabulary has no special symbol '{}'", name);
  return static_cast<int32_t>(found - names_.begin());
}

std::string Vocabulary::json() const {
  const auto first = names_.begin() + static_cast<std::ptrdiff_t>(special_);
  return fmt::format("{{\"special\": [{}],\n\"symbols\": [{}]}}\n", json_list(names_.begin(), first),
                     json_list(first, names_.end()));
}

Vocabulary Vocabulary::parse(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail("it is no JSON (its byte {} is wrong)", error.byte);
  }
  require(json.is_object(), "it is no JSON object");
  std::vector<std::string> special = list_of_strings(json, "special");
  return Vocabulary(list_of_strings(json, "symbols"), std::move(special));
}

Vocabulary read_vocabulary(const std::filesystem::path& path) {
  try {
    return Vocabulary::parse(MappedFile(path).text());
  } catch (const Error& error) {
    const std::string message = error.what();
    throw UsageError(message.starts_with(path.string()) ? message : fmt::format("{}: {}", path.string(), message));
  }
}

}  // namespace transformlet
