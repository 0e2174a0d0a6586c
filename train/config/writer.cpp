#include "train/config/writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "base/error.h"
#include "train/config/errors.h"
#include "train/config/scalars.h"

namespace transformlet {
namespace {

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(int64_t value) { return fmt::format("{}", value); }

std::string text_of(double value) {
  require(std::isfinite(value), "a config cannot hold {}", value);
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

std::string text_of(const std::string& value) {
  if (!needs_quotes(value)) return value;
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\')
      text += {'\\', c};
    else if (c == '\n')
      text += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      text += c;
  }
  return text + '"';
}

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? text_of(*value) : "null";
}

template <class Range>
std::string list_text(const Range& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(text_of(value));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

template <class T>
std::string text_of(const std::vector<T>& values) {
  return list_text(values);
}

class ConfigWriter : public Fields {
 public:
  explicit ConfigWriter(std::string indent) : indent_(std::move(indent)) {}
  const std::string& text() const { return text_; }

  // Rules between keys are the reader's business: nothing but a reader makes configs that break them.
  void check(const std::function<std::string()>&, std::initializer_list<std::string_view>) override {}

 protected:
  void key(const Key& key) override { line(key.name, yaml_text(key.value)); }

  void group(const Group& group) override {
    if (!group.absent) level(group.name, group.describe);
  }

  void list(const MapList& list) override {
    if (list.size() == 0) return line(list.name, "[]");
    text_ += indent_ + list.name + ":\n";
    for (size_t i = 0; i < list.size(); ++i) {
      ConfigWriter inner(indent_ + "    ");
      list.describe(inner, i);
      text_ += indent_ + "  - " + inner.text().substr(indent_.size() + 4);
    }
  }

  void variant(const Variant& variant) override {
    require(!variant.chosen.empty(), "{}: no {} has been chosen", variant.name, variant.discriminator);
    level(variant.name, variant.describe,
          indent_ + "  " + variant.discriminator + ": " + text_of(variant.chosen) + "\n");
  }

 private:
  void line(const std::string& name, const std::string& value) { text_ += indent_ + name + ": " + value + "\n"; }

  void level(const std::string& name, const std::function<void(Fields&)>& describe,
             const std::string& first_line = {}) {
    ConfigWriter inner(indent_ + "  ");
    describe(inner);
    if (first_line.empty() && inner.text().empty()) return line(name, "{}");
    text_ += indent_ + name + ":\n" + first_line + inner.text();
  }

  const std::string indent_;
  std::string text_;
};

}  // namespace

std::string yaml_text(const Value& value) {
  return std::visit(
      [](auto target) {
        if constexpr (std::is_pointer_v<decltype(target)>)
          return text_of(*target);
        else
          return list_text(target);
      },
      value);
}

std::string write_fields(const std::function<void(Fields&)>& describe) {
  ConfigWriter writer("");
  describe(writer);
  return writer.text();
}

}  // namespace transformlet
