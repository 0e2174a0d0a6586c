#include "train/tokenizers/tokenizer_file.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "train/config/errors.h"
#include "train/tokenizers/byte_alphabet.h"
#include "train/tokenizers/checked_json.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

constexpr int64_t most_tokens = 1 << 24;

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
    if (!open_.empty()) fail("{}: an unknown key", path_to(shown(open_.front())));
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

int32_t id_of(const Json& value, const std::string& path) {
  // As a double, which every number fits in: of more than 64 bits, only the last would be seen.
  const bool is_id =
      value.is_number_integer() && value.get<double>() >= 0 && value.get<double>() < static_cast<double>(most_tokens);
  require(is_id, "{} has {} for an id", path, in_short(value));
  return value.get<int32_t>();
}

std::vector<AddedToken> read_added_tokens(const Json& list) {
  std::vector<AddedToken> result;
  if (list.is_null()) return result;
  require(list.is_array(), "added_tokens is no list");
  for (const Json& token : list) {
    const std::string path = fmt::format("added_tokens[{}]", result.size());
    Allowed keys(path, token);
    const Json &id = keys.any("id"), &content = keys.any("content");
    require(id.is_number_integer() && content.is_string() && content != "", "{} needs an id and a content", path);
    for (const char* const flag : {"single_word", "lstrip", "rstrip"}) keys.none(flag);
    const bool special = keys.only("special", is_flag, "not a flag").any("special") == true;
    keys.only("normalized", is_flag, "not a flag").nothing_else();  // without a normalizer it means nothing
    result.push_back({id_of(id, path), content.get<std::string>(), special});
  }
  return result;
}

void place_token(TokenTable& tokens, int32_t id, std::string bytes) {
  require(tokens[id].empty() || tokens[id] == bytes, "two tokens have the id {}", id);
  tokens.put(id, std::move(bytes));
}

std::string bytes_of(const std::string& token, const std::string& path) {
  const std::optional<std::string> bytes = from_byte_alphabet(token);
  require(bytes && !bytes->empty(), "{}: '{}' is not in the alphabet of bytes", path, shown(token));
  return *bytes;
}

// What a byte vocabulary is made of, token by token and merge by merge. `path`: what an error is about.
class VocabularyReader {
 public:
  void add_tokens(const Json& vocab, const std::vector<AddedToken>& added, const std::string& path) {
    std::unordered_set<std::string_view> contents;
    for (const AddedToken& token : added) contents.insert(token.content);
    require(vocab.is_object(), "{} is no object", path);
    for (const auto& [token, value] : vocab.items()) {
      const int32_t id = id_of(value, path);
      place_token(vocabulary_.tokens, id, contents.contains(token) ? token : bytes_of(token, path));
      ids_[token] = id;
    }
    for (const AddedToken& token : added) {
      const auto found = ids_.find(token.content);
      require(found == ids_.end() || found->second == token.id, "added_tokens: '{}' has another id in {}",
              shown(token.content), path);
      place_token(vocabulary_.tokens, token.id, token.content);
    }
    vocabulary_.added = added;
  }

  // "left right" or ["left", "right"]
  void add_merge(const Json& merge, const std::string& path) {
    std::vector<std::string> pair;
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space != text.npos) pair = {text.substr(0, space), text.substr(space + 1)};
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      pair = merge.get<std::vector<std::string>>();
    }
    require(pair.size() == 2, "{} is {}: no pair of tokens", path, in_short(merge));
    for (const std::string& token : pair)
      require(ids_.contains(token), "{}: '{}' is not in the vocabulary", path, shown(token));
    vocabulary_.merges.emplace_back(ids_[pair[0]], ids_[pair[1]]);
  }

  ByteVocabulary vocabulary() { return std::move(vocabulary_); }

 private:
  ByteVocabulary vocabulary_;
  std::unordered_map<std::string, int32_t> ids_;
};

ByteVocabulary read_byte_vocabulary(const Json& vocab, const Json& merges, const std::vector<AddedToken>& added) {
  VocabularyReader reader;
  reader.add_tokens(vocab, added, "model.vocab");
  require(merges.is_null() || merges.is_array(), "model.merges is no list");
  for (size_t i = 0; i < merges.size(); ++i) reader.add_merge(merges[i], fmt::format("model.merges[{}]", i));
  return reader.vocabulary();
}

std::unique_ptr<Tokenizer> read_characters(const Json& vocab, const Json& merges) {
  require(merges.empty(), "model.merges without a pre_tokenizer ByteLevel: merges of characters are not supported");
  TokenTable tokens;
  require(vocab.is_object(), "model.vocab is no object");
  for (const auto& [token, id] : vocab.items()) {
    require(utf8_length(token, 0) == token.size() && !token.empty(), "model.vocab: '{}' is not one character",
            shown(token));
    place_token(tokens, id_of(id, "model.vocab"), token);
  }
  std::vector<char32_t> characters;
  for (const int32_t id : tokens.ids()) {
    require(id == static_cast<int32_t>(characters.size()), "model.vocab: no character has the id {}",
            characters.size());
    characters.push_back(code_point_of(tokens[id]));
  }
  return characters_tokenizer(std::move(characters));
}

std::unique_ptr<Tokenizer> byte_level_tokenizer(ByteVocabulary vocabulary) {
  bool plain = vocabulary.tokens.size() == 256 && vocabulary.merges.empty() && vocabulary.added.empty();
  for (int id = 0; plain && id < 256; ++id) plain = vocabulary.tokens[id] == std::string(1, static_cast<char>(id));
  return plain ? bytes_tokenizer() : byte_pair_tokenizer(std::move(vocabulary));
}

template <class... Args>
[[noreturn]] void fail_usage(const std::filesystem::path& path, fmt::format_string<Args...> message, Args&&... args) {
  throw UsageError(fmt::format("{}: {}", path.string(), fmt::format(message, std::forward<Args>(args)...)));
}

std::string read_bytes(const std::filesystem::path& path) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) {  // a named pipe would block
    if (code) fail_usage(path, "{}", code.message());
    fail_usage(path, "it is no regular file");
  }
  const uintmax_t size = std::filesystem::file_size(path, code);
  if (code) fail_usage(path, "{}", code.message());
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail_usage(path, "{}", std::generic_category().message(errno));
  std::string text(size, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(size));
  if (stream.gcount() != static_cast<std::streamsize>(size)) fail_usage(path, "it cannot be read");
  return text;
}

// What a function returns; of an Error in it, the message with the file's name.
template <class Function>
auto naming(const std::filesystem::path& path, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    fail_usage(path, "{}", error.what());
  }
}

// GPT-2's first files, encoder.json and vocab.bpe: ids by token; and a version in the first line, then a merge a line.
std::unique_ptr<Tokenizer> read_first_files(const std::filesystem::path& folder) {
  const std::filesystem::path encoder = folder / "encoder.json", merges = folder / "vocab.bpe";
  const std::string json = read_bytes(encoder), text = read_bytes(merges);
  VocabularyReader reader;
  naming(encoder, [&] { reader.add_tokens(parse_checked_json(json).root, {}, "it"); });
  naming(merges, [&] {
    int64_t number = 1;
    for (size_t start = 0; start < text.size(); ++number) {
      const size_t end = std::min(text.find('\n', start), text.size());
      const std::string line = text.substr(start, end - start);
      require(utf8_prefix(line) == line.size(), "line {} is not UTF-8 text", number);
      const bool is_version = number == 1 && line.starts_with("#version");
      if (!line.empty() && !is_version) reader.add_merge(line, fmt::format("line {}", number));
      start = end + 1;
    }
  });
  return naming(folder, [&] { return byte_level_tokenizer(reader.vocabulary()); });
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view text) {
  const CheckedJson json = parse_checked_json(text);
  Allowed root("", json.root);
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
  if (!std::filesystem::exists(path, ignored)) fail_usage(path, "there is no such file");
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  if (is_folder && !std::filesystem::exists(file, ignored)) {
    if (std::filesystem::exists(path / "encoder.json", ignored)) return read_first_files(path);
    fail_usage(path, "it has no tokenizer.json, and no encoder.json with vocab.bpe");
  }
  const std::string text = read_bytes(file);
  return naming(file, [&] { return parse_tokenizer(text); });
}

}  // namespace transformlet
