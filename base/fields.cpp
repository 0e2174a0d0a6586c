#include "base/fields.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace transformlet {
namespace {

template <class T, class... Types>
constexpr bool is_any = (std::is_same_v<T, Types> || ...);

// Rules that the type cannot obey are a slip of the struct's author, caught the first time anybody visits it.
void require_fitting_rules(const Key& key) {
  std::visit(
      [&]<class T>(const T&) {
        constexpr bool text = is_any<T, std::string*, std::vector<std::string>*>;
        constexpr bool integer = is_any<T, int64_t*, std::optional<int64_t>*, std::vector<int64_t>*>;
        constexpr bool number = !text && !is_any<T, bool*>;
        const Rules& rules = key.rules;
        require(number || (!rules.lower && !rules.upper), "{}: only numbers can have bounds", key.name);
        require(integer || !rules.divisor, "{}: only integers can be multiples", key.name);
        require(text || rules.choices.empty(), "{}: only strings can be one of a list", key.name);
      },
      key.value);
}

}  // namespace

Key Fields::make_key(std::string_view name, Value value, std::string_view help, std::initializer_list<Rule> rules) {
  Key key{std::string(name), value, std::string(help), {}};
  for (const Rule& rule : rules) rule(key.rules);
  require_fitting_rules(key);
  return key;
}

Variant Fields::make_variant(std::string_view name, std::string_view discriminator, std::string_view help,
                             std::initializer_list<Rule> rules, const std::string& chosen,
                             std::vector<Alternative> alternatives, std::function<void(Fields&)> describe) {
  Rules asked;
  for (const Rule& rule : rules) rule(asked);
  // The chosen value may have other defaults than a new one: they are what counts if the file keeps the choice.
  for (Alternative& alternative : alternatives)
    if (alternative.name == chosen) alternative.describe = describe;
  return {
      std::string(name),       std::string(discriminator), std::string(help), asked.required || chosen.empty(), chosen,
      std::move(alternatives), std::move(describe)};
}

std::string type_in_words(const Value& value) {
  struct Words {
    std::string operator()(const bool*) const { return "true or false"; }
    std::string operator()(const int64_t*) const { return "integer"; }
    std::string operator()(const double*) const { return "number"; }
    std::string operator()(const std::string*) const { return "string"; }
    std::string operator()(const std::optional<int64_t>*) const { return "integer or null"; }
    std::string operator()(const std::optional<double>*) const { return "number or null"; }
    std::string operator()(const std::vector<int64_t>*) const { return "list of integers"; }
    std::string operator()(const std::vector<double>*) const { return "list of numbers"; }
    std::string operator()(const std::vector<std::string>*) const { return "list of strings"; }
    std::string operator()(std::span<double> numbers) const {
      return fmt::format("list of {} numbers", numbers.size());
    }
  };
  return std::visit(Words(), value);
}

}  // namespace transformlet
