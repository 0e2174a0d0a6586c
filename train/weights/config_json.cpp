#include "train/weights/config_json.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "train/config/errors.h"
#include "train/json_text.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

// Takes down the keys of a struct.
class KeyCollector : public Fields {
 public:
  FlatJson values;

  void check(const std::function<std::string()>&, std::initializer_list<std::string_view>) override {}

 protected:
  void key(const Key& key) override {
    const auto json = [](const auto& value) -> Json {
      if constexpr (requires { value->has_value(); }) {
        return *value ? Json(**value) : Json(nullptr);
      } else if constexpr (requires { Json(*value); }) {
        return *value;
      } else {
        return std::vector<double>(value.begin(), value.end());
      }
    };
    values[key.name] = std::visit(json, key.value);
  }
  void group(const Group&) override {}
  void list(const MapList&) override {}
  void variant(const Variant&) override {}
};

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::vector<std::string> alternatives(const std::string& names) {
  const size_t bar = names.find('|');
  if (bar == std::string::npos) return {names};
  return {names.substr(0, bar), names.substr(bar + 1)};
}

// Their value of a key, under any of its names; null if there is none.
Json their_value(const FlatJson& theirs, const KeyRule& rule) {
  for (const std::string& name : alternatives(rule.theirs)) {
    if (const auto found = theirs.find(name); found != theirs.end() && !found->second.is_null()) return found->second;
  }
  return nullptr;
}

bool is_one_of(const Json& value, const std::vector<Json>& values) {
  return std::ranges::find(values, value) != values.end();
}

std::string list_of(const std::vector<Json>& values) {
  std::vector<std::string> texts;
  for (const Json& value : values) texts.push_back(text_of(value));
  return fmt::format("{}", fmt::join(texts, " or "));
}

// What their value is in our words, or an entry among the errors.
Json translated(const KeyRule& rule, const Json& value, std::vector<std::string>& errors) {
  for (const auto& [theirs, ours] : rule.words) {
    if (text_of(value) == theirs) return ours;
  }
  const bool wanted = rule.words.empty() && (value.is_boolean() ? rule.otherwise.is_boolean()
                                                                : value.is_number() && !rule.otherwise.is_boolean());
  if (wanted) return value;
  std::vector<std::string> words;
  for (const auto& word : rule.words) words.push_back(word.first);
  const std::string known = !words.empty()                ? fmt::format("one of {}", fmt::join(words, ", "))
                            : rule.otherwise.is_boolean() ? "true or false"
                                                          : "a number";
  errors.push_back(fmt::format("{} is {}, not {}", alternatives(rule.theirs).front(), shown(text_of(value)), known));
  return nullptr;
}

// 0 stands for "as many as queries".
void normalise_heads(FlatJson& keys) {
  if (keys.contains("num_kv_heads") && keys["num_kv_heads"] == keys["num_heads"]) keys["num_kv_heads"] = 0;
}

}  // namespace

FlatJson keys_of_model(const ExperimentConfig& config) {
  KeyCollector collector;
  config.model->describe(collector);
  FlatJson keys = std::move(collector.values);
  keys["kind"] = config.model.name();
  normalise_heads(keys);
  for (const char* const key : {"attention_dropout", "residual_dropout", "embedding_dropout"}) {
    if (keys.contains(key) && keys[key].is_null()) keys[key] = keys["dropout"];
  }
  const ModelSizes sizes = config.task->sizes();
  keys["vocab_size"] = sizes.vocab_size;
  keys["max_length"] = std::max(sizes.max_length, keys.contains("max_length") ? keys["max_length"].get<int64_t>() : 0);
  Parameters parameters;
  config.model->build(Scope::dry(parameters), sizes);
  for (const Parameter& parameter : parameters.list()) {
    if (parameter.value.name().ends_with("blocks.0.feed_forward.up.weight")) keys["d_ff"] = parameter.value.dim(0);
  }
  return keys;
}

PackedRows packed_rows(const FlatJson& keys) {
  const auto number = [&](const char* key) { return keys.at(key).get<int64_t>(); };
  const int64_t heads = number("num_kv_heads") == 0 ? number("num_heads") : number("num_kv_heads");
  return {number("d_model"), number("d_model") / number("num_heads") * heads};
}

FlatJson keys_from_theirs(const Layout& layout, const std::filesystem::path& path) {
  std::set<std::string> known;
  for (const FixedKey& fixed : layout.their_fixed_keys) known.insert(fixed.name);
  for (const KeyRule& rule : layout.keys) {
    for (const std::string& name : alternatives(rule.theirs)) known.insert(name);
  }
  const FlatJson theirs = read_flat_json(path, known);
  FlatJson ours;
  std::vector<std::string> errors;
  for (const FixedKey& fixed : layout.their_fixed_keys) {
    const auto found = theirs.find(fixed.name);
    if (found != theirs.end() && !is_one_of(found->second, fixed.values) && !found->second.is_null()) {
      errors.push_back(fmt::format("{} is {}, but {} is read only with {}", fixed.name, shown(text_of(found->second)),
                                   layout.name, list_of(fixed.values)));
    }
  }
  for (const FixedKey& fixed : layout.our_fixed_keys) ours[fixed.name] = fixed.values.front();
  for (const KeyRule& rule : layout.keys) {
    const std::string name = alternatives(rule.theirs).front();
    Json value = their_value(theirs, rule);
    if (value.is_null()) {
      if (rule.otherwise.is_null()) errors.push_back(name + " is missing");
      value = rule.otherwise;
    } else {
      value = translated(rule, value, errors);
    }
    if (const auto [place, is_new] = ours.emplace(rule.ours, value); !is_new && place->second != value) {
      errors.push_back(fmt::format("{} is {}, but here the model's {} is {} in all of it", name, text_of(value),
                                   rule.ours, text_of(place->second)));
    }
  }
  if (const auto size = ours.find("head_size"); size != ours.end()) {  // not a key of ours
    const Json &width = ours["d_model"], &heads = ours["num_heads"];
    const bool known = size->second.is_number_integer() && width.is_number_integer() && heads.is_number_integer();
    if (known && size->second != 0 && heads != 0 && size->second != width.get<double>() / heads.get<double>()) {
      errors.push_back(
          fmt::format("head_dim is {}, but here it is {} / {}", text_of(size->second), text_of(width), text_of(heads)));
    }
    ours.erase(size);
  }
  require(errors.empty(), "{}: {}", path.string(), fmt::join(errors, "; "));
  normalise_heads(ours);
  return ours;
}

std::string keys_to_theirs(const Layout& layout, const FlatJson& given, DType dtype, std::vector<std::string>& notes) {
  FlatJson ours = given;
  std::vector<std::string> errors;
  for (const FixedKey& fixed : layout.our_fixed_keys) {
    const auto found = ours.find(fixed.name);
    if (found == ours.end() || !is_one_of(found->second, fixed.values)) {
      errors.push_back(fmt::format("model.{} is {}, not {}", fixed.name,
                                   found == ours.end() ? "not there" : text_of(found->second), list_of(fixed.values)));
    }
  }
  if (!errors.empty()) {  // of another kind, a model may lack the keys below
    throw UsageError(fmt::format("export: {} has no place for this model: {}", layout.name, fmt::join(errors, "; ")));
  }
  for (const std::string& name : layout.training_only) {
    if (ours[name] != 0.0) {
      notes.push_back(fmt::format("model.{} is {}, which {} has no place for; it matters in training alone", name,
                                  text_of(ours[name]), layout.name));
    }
  }
  ours["head_size"] = ours["d_model"].get<int64_t>() / ours["num_heads"].get<int64_t>();
  Json theirs = layout.also_written.is_null() ? Json::object() : layout.also_written;
  theirs["torch_dtype"] = name_of(dtype);
  for (const FixedKey& fixed : layout.their_fixed_keys) {
    if (fixed.name.find('.') == std::string::npos) theirs[fixed.name] = fixed.values.front();
  }
  for (const KeyRule& rule : layout.keys) {
    Json value = ours.at(rule.ours);
    if (rule.ours == "num_kv_heads" && value == 0) value = ours["num_heads"];
    const auto word = std::ranges::find_if(rule.words, [&](const auto& pair) { return pair.second == text_of(value); });
    if (word != rule.words.end()) {
      value = word->first == "true" ? Json(true) : word->first == "false" ? Json(false) : Json(word->first);
    } else if (!rule.words.empty()) {
      errors.push_back(fmt::format("model.{} is {}", rule.ours, text_of(value)));
    }
    theirs[alternatives(rule.theirs).front()] = value;
  }
  if (!errors.empty()) {
    throw UsageError(fmt::format("export: {} has no place for this model: {}", layout.name, fmt::join(errors, "; ")));
  }
  return theirs.dump(2) + "\n";
}

std::string config_text(const Layout& layout, FlatJson ours, DType dtype, bool with_task) {
  const auto take = [&](const char* name) {
    const Json value = ours.contains(name) ? ours[name] : Json();
    ours.erase(name);
    return value;
  };
  const Json vocab_size = take("vocab_size");
  std::string text;
  if (with_task && layout.task == "repeat") {
    // The task wants an even length.
    const Json& max_length = ours["max_length"];
    const int64_t longest = max_length.is_number_integer() ? std::min<int64_t>(max_length.get<int64_t>(), 65536) : 2;
    text += fmt::format("task: {{name: repeat, vocab_size: {}, seq_len: {}}}\n", text_of(vocab_size), longest / 2 * 2);
  } else if (with_task) {
    text += fmt::format("task: {{name: {}}}\n", layout.task);
  }
  std::vector<std::string> keys;
  for (const auto& [name, value] : ours) {
    keys.push_back(
        fmt::format("{}: {}", name, value.is_number_float() ? json_number(value.get<double>()) : text_of(value)));
  }
  text += fmt::format("model: {{{}}}\ntrain: {{batch_size: 1, dtype: {}}}\n", fmt::join(keys, ", "), name_of(dtype));
  return text;
}

}  // namespace transformlet
