#include "train/tokenizers/tokenizer_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "train/tokenizers/byte_alphabet.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

constexpr int64_t largest_vocabulary = 1 << 24;

Json parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail("it is no JSON (its byte {} is wrong)", error.byte);
  }
}

// A value as a message may show it.
std::string in_short(const Json& value) {
  if (value.is_object() && value.contains("type") && value["type"].is_string()) return value["type"];
  const std::string text = value.dump(-1, ' ', true);
  return text.size() <= 40 ? text : text.substr(0, 40) + "...";
}

// Every key that an object has must be one of these, with a value that says nothing new.
class Allowed {
 public:
  using Test = bool (*)(const Json&);

  Allowed(std::string path, const Json& object) : path_(std::move(path)), object_(object) {
    require(object.is_object(), "{} is no object", path_.empty() ? "it" : path_);
    for (const auto& [key, value] : object.items()) open_.push_back(key);
  }

  // The key's value, or null; whatever it is, is allowed.
  const Json& any(const char* key) {
    static const Json null;
    std::erase(open_, key);
    return object_.contains(key) ? object_[key] : null;
  }
  Allowed& only(const char* key, Test test, const char* hint) {
    const Json& value = any(key);
    require(value.is_null() || test(value), "{} is {}: {}", path_to(key), in_short(value), hint);
    return *this;
  }
  Allowed& none(const char* key, const char* hint = "this is not supported") {
    return only(
        key, [](const Json& value) { return value.empty() || value == "" || value == false || value == 0.0; }, hint);
  }
  void nothing_else() const {
    if (!open_.empty()) fail("{}: an unknown key", path_to(open_.front()));
  }

  std::string path_to(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

 private:
  std::string path_;
  const Json& object_;
  std::vector<std::string> open_;  // keys that nobody has asked for
};

bool is_true(const Json& value) { return value == true; }
bool is_flag(const Json& value) { return value.is_boolean(); }

// {"type": "ByteLevel", ...}, or null. `cuts` is that of a pre_tokenizer: there, the flags change the ids.
bool is_byte_level(const Json& part, const std::string& path, bool cuts) {
  if (part.is_null()) return false;
  Allowed keys(path, part);
  require(keys.any("type") == "ByteLevel", "{} is {}: only ByteLevel is supported", path, in_short(part));
  if (cuts) {
    keys.none("add_prefix_space", "a space before the text is not supported; false is");
    keys.only("use_regex", is_true, "only texts cut by GPT-2's pattern are supported");
  }
  for (const char* const key : {"add_prefix_space", "use_regex", "trim_offsets"}) keys.only(key, is_flag, "not a flag");
  keys.nothing_else();
  return true;
}

std::vector<AddedToken> read_added_tokens(const Json& list) {
  std::vector<AddedToken> result;
  if (list.is_null()) return result;
  require(list.is_array(), "added_tokens is no list");
  for (const Json& token : list) {
    Allowed keys(fmt::format("added_tokens[{}]", result.size()), token);
    const Json &id = keys.any("id"), &content = keys.any("content");
    require(id.is_number_integer() && content.is_string() && content != "",
            "added_tokens[{}] needs an id and a content", result.size());
    for (const char* const flag : {"single_word", "lstrip", "rstrip"}) keys.none(flag);
    const bool special = keys.only("special", is_flag, "not a flag").any("special") == true;
    keys.only("normalized", is_flag, "not a flag").nothing_else();  // without a normalizer it means nothing
    result.push_back({id.get<int32_t>(), content.get<std::string>(), special});
  }
  return result;
}

// Puts a token at its id; `name` says what stands there twice.
void place_token(std::vector<std::string>& tokens, const Json& id, std::string bytes, const std::string& name) {
  require(id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < largest_vocabulary,
          "{} has {} for an id", name, in_short(id));
  const auto place = id.get<size_t>();
  if (place >= tokens.size()) tokens.resize(place + 1);
  require(tokens[place].empty() || tokens[place] == bytes, "two tokens have the id {}", place);
  tokens[place] = std::move(bytes);
}

std::string bytes_of(const std::string& token, const std::string& path) {
  const std::optional<std::string> bytes = from_byte_alphabet(token);
  require(bytes && !bytes->empty(), "{}: '{}' is not in the alphabet of bytes", path, token);
  return *bytes;
}

// vocab and merges, as lists of "left right" or ["left", "right"].
ByteVocabulary read_byte_vocabulary(const Json& vocab, const Json& merges, const std::vector<AddedToken>& added) {
  ByteVocabulary result;
  result.added = added;
  std::unordered_map<std::string, int32_t> ids;
  require(vocab.is_object(), "model.vocab is no object");
  for (const auto& [token, id] : vocab.items()) {
    const bool is_added = std::ranges::count(added, token, &AddedToken::content) > 0;
    place_token(result.tokens, id, is_added ? token : bytes_of(token, "model.vocab"), "model.vocab");
    ids[token] = id.get<int32_t>();
  }
  for (const AddedToken& token : added) {
    const auto found = ids.find(token.content);
    require(found == ids.end() || found->second == token.id, "added_tokens: '{}' has another id in model.vocab",
            token.content);
    place_token(result.tokens, token.id, token.content, "added_tokens");
  }
  require(merges.is_null() || merges.is_array(), "model.merges is no list");
  for (const Json& merge : merges) {
    std::vector<std::string> pair;
    if (merge.is_string()) {
      const auto text = merge.get<std::string>();
      const size_t space = text.find(' ');
      if (space != text.npos) pair = {text.substr(0, space), text.substr(space + 1)};
    } else if (merge.is_array() && std::ranges::all_of(merge, [](const Json& part) { return part.is_string(); })) {
      pair = merge.get<std::vector<std::string>>();
    }
    require(pair.size() == 2, "model.merges[{}] is {}: no pair of tokens", result.merges.size(), in_short(merge));
    for (const std::string& token : pair)
      require(ids.contains(token), "model.merges[{}]: '{}' is not in the vocabulary", result.merges.size(), token);
    result.merges.emplace_back(ids[pair[0]], ids[pair[1]]);
  }
  return result;
}

std::unique_ptr<Tokenizer> read_characters(const Json& vocab, const Json& merges) {
  require(merges.empty(), "model.merges without a pre_tokenizer ByteLevel: merges of characters are not supported");
  std::vector<std::string> tokens;
  require(vocab.is_object(), "model.vocab is no object");
  for (const auto& [token, id] : vocab.items()) {
    require(utf8_length(token, 0) == token.size() && !token.empty(), "model.vocab: '{}' is not one character", token);
    place_token(tokens, id, token, "model.vocab");
  }
  std::vector<char32_t> characters;
  for (const std::string& token : tokens) {
    require(!token.empty(), "model.vocab: no character has the id {}", characters.size());
    characters.push_back(code_point_of(token));
  }
  return characters_tokenizer(std::move(characters));
}

std::unique_ptr<Tokenizer> byte_level_tokenizer(ByteVocabulary vocabulary) {
  const auto is_its_own_byte = [&](size_t id) {
    return vocabulary.tokens[id] == std::string(1, static_cast<char>(id));
  };
  bool plain = vocabulary.tokens.size() == 256 && vocabulary.merges.empty() && vocabulary.added.empty();
  for (size_t id = 0; plain && id < 256; ++id) plain = is_its_own_byte(id);
  return plain ? bytes_tokenizer() : byte_pair_tokenizer(std::move(vocabulary));
}

std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw UsageError(fmt::format("{}: {}", path.string(), std::generic_category().message(errno)));
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  require(!stream.bad(), "{}: it cannot be read", path.string());
  return text;
}

// GPT-2's first files: ids by token; and a version in the first line, then a merge a line.
std::unique_ptr<Tokenizer> parse_gpt2_files(std::string_view encoder, std::string_view merges_text) {
  Json merges = Json::array();
  for (size_t start = 0; start < merges_text.size();) {
    const size_t end = std::min(merges_text.find('\n', start), merges_text.size());
    const std::string_view line = merges_text.substr(start, end - start);
    if (!line.empty() && !(start == 0 && line.starts_with("#version"))) merges.push_back(line);
    start = end + 1;
  }
  return byte_level_tokenizer(read_byte_vocabulary(parse_json(encoder), merges, {}));
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view text) {
  const Json json = parse_json(text);
  Allowed root("", json);
  root.any("version");
  for (const char* const key : {"truncation", "padding"}) root.none(key);
  root.none("normalizer", "texts are taken as they are, so this is not supported");
  const Json& model = root.any("model");
  Allowed keys("model", model);
  const Json& type = keys.any("type");  // old files of GPT-2 do not say it
  require(type.is_null() || type == "BPE", "model.type is {}: only BPE is supported", in_short(type));
  for (const char* const key : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                                "byte_fallback", "ignore_merges"})
    keys.none(key);
  const Json &vocab = keys.any("vocab"), &merges = keys.any("merges");
  keys.nothing_else();

  const bool byte_level = is_byte_level(root.any("pre_tokenizer"), "pre_tokenizer", true);
  is_byte_level(root.any("post_processor"), "post_processor", false);  // it would only move offsets
  const std::vector<AddedToken> added = read_added_tokens(root.any("added_tokens"));
  const Json& decoder = root.any("decoder");
  root.nothing_else();
  if (byte_level) {
    is_byte_level(decoder, "decoder", false);
    return byte_level_tokenizer(read_byte_vocabulary(vocab, merges, added));
  }
  require(decoder.is_null() || decoder == Json{{"type", "Fuse"}}, "decoder is {}: only Fuse goes with characters",
          in_short(decoder));
  require(added.empty(), "added_tokens do not go with characters");
  return read_characters(vocab, merges);
}

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  if (!std::filesystem::exists(path, ignored))
    throw UsageError(fmt::format("{}: there is no such file", path.string()));
  const bool first_files = is_folder && !std::filesystem::exists(file, ignored);
  if (first_files && !std::filesystem::exists(path / "encoder.json", ignored)) {
    throw UsageError(fmt::format("{}: it has no tokenizer.json, and no encoder.json with vocab.bpe", path.string()));
  }
  const std::string text = read_bytes(first_files ? path / "encoder.json" : file);
  const std::string merges = first_files ? read_bytes(path / "vocab.bpe") : "";
  try {
    return first_files ? parse_gpt2_files(text, merges) : parse_tokenizer(text);
  } catch (const Error& error) {
    throw UsageError(fmt::format("{}: {}", (first_files ? path : file).string(), error.what()));
  }
}

}  // namespace transformlet
