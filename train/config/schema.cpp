#include "train/config/schema.h"

#include <nlohmann/json.hpp>

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;  // keys in the order of `describe`

// JSON's own name for an element type.
const char* type_name(const int64_t&) { return "integer"; }
const char* type_name(const double&) { return "number"; }
const char* type_name(const std::string&) { return "string"; }

// A bound that is a whole number is shown as one.
Json bound_json(double value) {
  const bool is_whole =
      value >= -0x1p53 && value <= 0x1p53 && value == static_cast<double>(static_cast<int64_t>(value));
  return is_whole ? Json(static_cast<int64_t>(value)) : Json(value);
}

void add_rules(Json& schema, const Rules& rules) {
  if (rules.lower) schema[rules.lower->open ? "exclusiveMinimum" : "minimum"] = bound_json(rules.lower->value);
  if (rules.upper) schema[rules.upper->open ? "exclusiveMaximum" : "maximum"] = bound_json(rules.upper->value);
  // A divisor that is another key's value is not known yet.
  if (rules.divisor && rules.divisor_key.empty()) schema["multipleOf"] = *rules.divisor;
  if (!rules.choices.empty()) schema["enum"] = rules.choices;
}

struct ValueSchema {
  const Key& key;

  Json with_default(Json schema, const Json& value) const {
    if (!key.rules.required) schema["default"] = value;
    return schema;
  }

  Json operator()(const bool* value) const { return with_default({{"type", "boolean"}}, *value); }

  Json operator()(const auto* value) const {
    Json schema = {{"type", type_name(*value)}};
    add_rules(schema, key.rules);
    return with_default(schema, *value);
  }

  template <class T>
  Json operator()(const std::optional<T>* value) const {
    Json schema = {{"type", {type_name(T()), "null"}}};
    add_rules(schema, key.rules);
    return with_default(schema, *value ? Json(**value) : Json());
  }

  template <class T>
  Json operator()(const std::vector<T>* value) const {
    return with_default({{"type", "array"}, {"items", items(type_name(T()))}}, *value);
  }

  Json operator()(std::span<const double> value) const {
    return with_default(
        {{"type", "array"}, {"items", items("number")}, {"minItems", value.size()}, {"maxItems", value.size()}},
        std::vector<double>(value.begin(), value.end()));
  }

  Json items(const char* type) const {
    Json schema = {{"type", type}};
    add_rules(schema, key.rules);
    return schema;
  }
};

class SchemaWriter : public Fields {
 public:
  void check(const std::function<std::string()>&, std::initializer_list<std::string_view>) override {}

  // The schema of everything that was visited, as one object.
  Json object(const std::string& help) const {
    Json schema = {{"type", "object"}};
    if (!help.empty()) schema["description"] = help;
    schema["properties"] = properties_;
    if (!required_.empty()) schema["required"] = required_;
    schema["additionalProperties"] = false;
    return schema;
  }

 protected:
  void key(const Key& key) override {
    Json schema = std::visit(ValueSchema{key}, key.value);
    schema["description"] = key.help;
    add(key.name, std::move(schema), key.rules.required);
  }

  void group(const Group& group) override {
    SchemaWriter inner;
    group.describe(inner);
    add(group.name, inner.object(group.help), !group.choose && !inner.required_.empty());
  }

  void list(const MapList& list) override {
    SchemaWriter inner;
    list.describe_new(inner);
    add(list.name,
        {{"type", "array"}, {"description", list.help}, {"items", inner.object("")}, {"default", Json::array()}},
        false);
  }

  void variant(const Variant& variant) override {
    Json schema = {{"type", "object"}, {"description", variant.help}, {"oneOf", Json::array()}};
    bool is_required = variant.required;
    for (const Alternative& alternative : variant.alternatives) {
      // The default alternative may leave its name out.
      const bool is_default = !variant.required && alternative.name == variant.chosen;
      SchemaWriter inner;
      inner.add(variant.discriminator, {{"const", alternative.name}}, !is_default);
      alternative.describe(inner);
      is_required |= is_default && !inner.required_.empty();
      schema["oneOf"].push_back(inner.object(alternative.help));
    }
    add(variant.name, std::move(schema), is_required);
  }

 private:
  void add(const std::string& name, Json schema, bool is_required) {
    properties_[name] = std::move(schema);
    if (is_required) required_.push_back(name);
  }

  Json properties_ = Json::object();
  std::vector<std::string> required_;
};

Json object_of(const std::function<void(Fields&)>& describe) {
  SchemaWriter writer;
  describe(writer);
  return writer.object("");
}

std::string document(const std::string& title, const Json& content) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  schema.update(content);
  return schema.dump(2) + "\n";
}

}  // namespace

std::string config_schema(const std::string& title, const std::function<void(Fields&)>& describe) {
  return document(title, object_of(describe));
}

std::string config_schema_by_key(const std::string& title, const std::string& key,
                                 const std::function<void(Fields&)>& with_key,
                                 const std::function<void(Fields&)>& without) {
  return document(
      title,
      {{"type", "object"}, {"if", {{"required", {key}}}}, {"then", object_of(with_key)}, {"else", object_of(without)}});
}

}  // namespace transformlet
