// What tokenizer_file.cpp reads.
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "train/tokenizers/byte_alphabet.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson tokenizer_json(OrderedJson vocab, OrderedJson merges, const OrderedJson& pre_tokenizer,
                           const OrderedJson& decoder, const OrderedJson& added_tokens) {
  const OrderedJson none = nullptr;
  return {{"version", "1.0"},
          {"truncation", none},
          {"padding", none},
          {"added_tokens", added_tokens},
          {"normalizer", none},
          {"pre_tokenizer", pre_tokenizer},
          {"post_processor", none},
          {"decoder", decoder},
          {"model",
           {{"type", "BPE"},
            {"dropout", none},
            {"unk_token", none},
            {"continuing_subword_prefix", none},
            {"end_of_word_suffix", none},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", std::move(vocab)},
            {"merges", std::move(merges)}}}};
}

}  // namespace

std::string byte_level_json(const ByteVocabulary& vocabulary) {
  OrderedJson vocab = OrderedJson::object(), merges = OrderedJson::array(), added_tokens = OrderedJson::array();
  std::unordered_set<int32_t> added;
  for (const AddedToken& token : vocabulary.added) added.insert(token.id);
  for (const int32_t id : vocabulary.tokens.ids()) {
    const std::string& token = vocabulary.tokens[id];
    if (added.contains(id) && to_byte_alphabet(token) != token) continue;
    vocab.get_ref<OrderedJson::object_t&>().emplace_back(to_byte_alphabet(token), id);
  }
  for (const auto& [left, right] : vocabulary.merges) {
    merges.push_back(to_byte_alphabet(vocabulary.tokens[left]) + " " + to_byte_alphabet(vocabulary.tokens[right]));
  }
  for (const AddedToken& token : vocabulary.added) {
    added_tokens.push_back({{"id", token.id},
                            {"content", token.content},
                            {"single_word", false},
                            {"lstrip", false},
                            {"rstrip", false},
                            {"normalized", false},
                            {"special", token.special}});
  }
  const auto byte_level = [](bool add_prefix_space) -> OrderedJson {
    return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
  };
  return tokenizer_json(vocab, merges, byte_level(false), byte_level(true), added_tokens).dump(1) + "\n";
}

std::string characters_json(const std::vector<std::string>& characters) {
  OrderedJson vocab = OrderedJson::object();
  for (size_t id = 0; id < characters.size(); ++id)
    vocab.get_ref<OrderedJson::object_t&>().emplace_back(characters[id], id);
  return tokenizer_json(vocab, OrderedJson::array(), nullptr, {{"type", "Fuse"}}, OrderedJson::array()).dump(1) + "\n";
}

}  // namespace transformlet
