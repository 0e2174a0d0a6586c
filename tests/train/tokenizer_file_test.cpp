// tokenizer.json: there and back, and what is refused.
#include <gtest/gtest.h>

#include "tests/train/tokenizer_tools.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

std::unique_ptr<Tokenizer> characters_of(std::string_view text) {
  return characters_tokenizer(std::span<const std::string_view>(&text, 1));
}

// The tokenizer that was written and read again gives the same ids, and writes the same bytes.
TEST(TokenizerFile, ComesBack) {
  const std::string text = "Grüße, 'tis <|endoftext|> \n\t 😀 12";
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  tokenizers.push_back(bytes_tokenizer());
  tokenizers.push_back(characters_of(text));
  tokenizers.push_back(read_tokenizer(golden_path("gpt2_tokenizer.json")));
  for (const auto& tokenizer : tokenizers) {
    const auto again = parse_tokenizer(tokenizer->json());
    EXPECT_STREQ(again->kind(), tokenizer->kind());
    EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
    EXPECT_EQ(again->encode(text), tokenizer->encode(text));
    EXPECT_EQ(again->json(), tokenizer->json());
  }
}

TEST(TokenizerFile, AddedTokensNeedNotBeInTheVocabulary) {
  Json file = Json::parse(bytes_tokenizer()->json());
  file["added_tokens"] = {{{"id", 256}, {"content", "<ü>"}}, {{"id", 257}, {"content", "<ü>>"}, {"special", false}}};
  for (const std::string& text : {file.dump(), parse_tokenizer(file.dump())->json()}) {
    const auto tokenizer = parse_tokenizer(text);
    EXPECT_EQ(tokenizer->vocab_size(), 258);
    EXPECT_EQ(tokenizer->encode("<ü><ü>>a<ü"), (std::vector<int32_t>{256, 257, 97, 60, 195, 188}));
    EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{256, 97}), "<ü>a");
  }
}

TEST(TokenizerFile, MergesMayBePairs) {
  Json file = golden_json("gpt2_tokenizer.json");
  const auto expected = parse_tokenizer(file.dump())->encode("Hello world! Hello  world!!\n");
  for (Json& merge : file["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  EXPECT_EQ(parse_tokenizer(file.dump())->encode("Hello world! Hello  world!!\n"), expected);
}

TEST(TokenizerFile, RefusesByNameWhatIsNotDoneHere) {
  const Json bpe = Json::parse(bytes_tokenizer()->json()), characters = Json::parse(characters_of("abc")->json());
  const auto refuses = [](const std::string& text, const std::string& message) {
    EXPECT_EQ(error_of([&] { parse_tokenizer(text); }), message);
  };
  refuses("{", "it is no JSON (its byte 2 is wrong)");
  refuses("[]", "it is no object");
  refuses("{}", "model is no object");
  refuses(with(bpe, "/normalizer", {{"type", "NFC"}}),
          "normalizer is NFC: texts are taken as they are, so this is not supported");
  refuses(with(bpe, "/model/type", "WordPiece"), "model.type is \"WordPiece\": only BPE is supported");
  refuses(with(bpe, "/model/byte_fallback", true), "model.byte_fallback is true: this is not supported");
  refuses(with(bpe, "/model/dropout", 0.1), "model.dropout is 0.1: this is not supported");
  refuses(with(bpe, "/model/unk_token", "<unk>"), "model.unk_token is \"<unk>\": this is not supported");
  refuses(with(bpe, "/model/end_of_word_suffix", "</w>"),
          "model.end_of_word_suffix is \"</w>\": this is not supported");
  refuses(with(bpe, "/model/novelty", 1), "model.novelty: an unknown key");
  refuses(with(bpe, "/novelty", 1), "novelty: an unknown key");
  refuses(with(bpe, "/truncation", {{"max_length", 512}}), "truncation is {\"max_length\":512}: this is not supported");
  refuses(with(bpe, "/pre_tokenizer", {{"type", "Whitespace"}}),
          "pre_tokenizer is Whitespace: only ByteLevel is supported");
  refuses(with(bpe, "/pre_tokenizer/add_prefix_space", true),
          "pre_tokenizer.add_prefix_space is true: a space before the text is not supported; false is");
  refuses(with(bpe, "/pre_tokenizer/use_regex", false),
          "pre_tokenizer.use_regex is false: only texts cut by GPT-2's pattern are supported");
  refuses(with(bpe, "/post_processor", {{"type", "TemplateProcessing"}}),
          "post_processor is TemplateProcessing: only ByteLevel is supported");
  refuses(with(bpe, "/decoder", {{"type", "WordPiece"}}), "decoder is WordPiece: only ByteLevel is supported");
  refuses(with(bpe, "/added_tokens", {{{"id", 256}, {"content", "<x>"}, {"lstrip", true}}}),
          "added_tokens[0].lstrip is true: this is not supported");
  refuses(with(bpe, "/added_tokens", {{{"id", 256}}}), "added_tokens[0] needs an id and a content");
  refuses(with(bpe, "/added_tokens", {{{"id", 7}, {"content", "<x>"}}}), "two tokens have the id 7");
  refuses(with(bpe, "/model/vocab/!", -1), "model.vocab has -1 for an id");
  refuses(with(bpe, "/model/vocab/!", 34), "two tokens have the id 34");
  refuses(with(bpe, "/model/vocab/€", 256), "model.vocab: '€' is not in the alphabet of bytes");
  refuses(with(bpe, "/model/merges", {"a b"}), "the merge 'a b' makes no token");
  refuses(with(bpe, "/model/merges", {"a bc"}), "model.merges[0]: 'bc' is not in the vocabulary");
  refuses(with(bpe, "/model/merges", {"ab"}), "model.merges[0] is \"ab\": no pair of tokens");
  refuses(with(characters, "/model/merges", {"a b"}),
          "model.merges without a pre_tokenizer ByteLevel: merges of characters are not supported");
  refuses(with(characters, "/model/vocab/de", 3), "model.vocab: 'de' is not one character");
  refuses(with(characters, "/model/vocab/d", 4), "model.vocab: no character has the id 3");
  refuses(with(characters, "/decoder", {{"type", "BPEDecoder"}}),
          "decoder is BPEDecoder: only Fuse goes with characters");

  Json lacking = bpe;
  lacking["model"]["vocab"].erase("Ā");
  refuses(lacking.dump(), "no token stands for the byte 0x00 ('Ā')");
}

TEST(TokenizerFile, SaysWhichFileIsWrong) {
  const TemporaryFolder folder;
  const auto refuses = [&](const std::filesystem::path& path, const std::string& message) {
    EXPECT_THROW(read_tokenizer(path), UsageError);
    EXPECT_EQ(error_of([&] { read_tokenizer(path); }), path.string() + message);
  };
  refuses(folder.path / "none.json", ": there is no such file");
  refuses(folder.path, ": it has no tokenizer.json, and no encoder.json with vocab.bpe");
  write_bytes(folder.path / "tokenizer.json", "{");
  refuses(folder.path / "tokenizer.json", ": it is no JSON (its byte 2 is wrong)");
}

}  // namespace
}  // namespace transformlet
