// Tokenizers against those of others (ids that npm's gpt-3-encoder and Hugging Face's tokenizers gave), and what all
// must do.
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "base/random.h"
#include "tests/train/tokenizer_tools.h"
#include "train/tokenizers/pieces.h"

namespace transformlet {
namespace {

using Ids = std::vector<int32_t>;
using Pieces = std::vector<std::string>;

// GPT-2's tokens, as far as the recorded texts ask for them.
std::unique_ptr<Tokenizer> gpt2() { return read_tokenizer(golden_path("gpt2_tokenizer.json")); }

// The same in GPT-2's first files.
std::unique_ptr<Tokenizer> gpt2_of_first_files() {
  const nlohmann::json file = golden_json("gpt2_tokenizer.json");
  const TemporaryFolder folder;
  write_bytes(folder.path / "encoder.json", file.at("model").at("vocab").dump());
  std::string merges = "#version: 0.2\n";
  for (const std::string merge : file.at("model").at("merges")) merges += merge + "\n";
  write_bytes(folder.path / "vocab.bpe", merges);
  return read_tokenizer(folder.path);
}

Pieces pieces_of(std::string_view text) {
  Pieces pieces;
  cut_into_pieces(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

TEST(Gpt2, GivesTheIdsOfHuggingFace) {
  const auto tokenizer = gpt2();
  EXPECT_STREQ(tokenizer->kind(), "bpe");
  EXPECT_EQ(tokenizer->vocab_size(), 50257);
  size_t texts = 0;
  const nlohmann::json recorded = golden_json("tokenizers.json").at("encoded");
  for (const nlohmann::json& entry : recorded) {
    const auto text = entry.at("text").get<std::string>();
    EXPECT_EQ(tokenizer->encode(text), entry.at("ids").get<Ids>()) << entry.at("name");
    EXPECT_EQ(tokenizer->decode(entry.at("ids").get<Ids>()), text) << entry.at("name");
    ++texts;
  }
  EXPECT_EQ(texts, 31u);
}

TEST(Gpt2, GivesTheIdsOfGpt3EncoderFromTheFirstFiles) {
  const auto tokenizer = gpt2_of_first_files();
  std::vector<std::string> others;
  const nlohmann::json recorded = golden_json("tokenizers.json").at("encoded");
  for (const nlohmann::json& entry : recorded) {
    const auto text = entry.at("text").get<std::string>();
    // JavaScript's \s has U+FEFF and lacks U+0085.
    if (entry.at("name") == "next_line_and_mark") continue;
    const char* const key = entry.contains("gpt_3_encoder_ids") ? "gpt_3_encoder_ids" : "ids";
    if (key != std::string("ids")) others.push_back(entry.at("name"));
    EXPECT_EQ(tokenizer->encode(text), entry.at(key).get<Ids>()) << entry.at("name");
  }
  EXPECT_EQ(others, (std::vector<std::string>{"added_token"}));  // these files know none
}

TEST(Gpt2, LeavesIdsOutThatHaveNoToken) {
  const auto tokenizer = gpt2();
  int32_t hole = 0;
  while (!tokenizer->bytes(hole).empty()) ++hole;
  EXPECT_EQ(error_of([&] { tokenizer->decode(Ids{hole}); }), fmt::format("the tokenizer has no token {}", hole));
  EXPECT_EQ(error_of([&] { tokenizer->decode(Ids{-1}); }), "the tokenizer has no token -1");
  EXPECT_EQ(error_of([&] { tokenizer->decode(Ids{50257}); }), "the tokenizer has no token 50257");
}

TEST(Pieces, AreThoseOfThePattern) {
  EXPECT_EQ(pieces_of(""), Pieces{});
  EXPECT_EQ(pieces_of("I'll take  2 of\n\n them!! "),
            (Pieces{"I", "'ll", " take", " ", " 2", " of", "\n\n", " them", "!!", " "}));
  // White space as Unicode has it: U+0085 is, U+180E and U+FEFF are not.
  EXPECT_EQ(pieces_of("a\xc2\x85\xc2\x85"
                      "b"),
            (Pieces{"a", "\xc2\x85", "\xc2\x85", "b"}));
  EXPECT_EQ(pieces_of("a \xe1\xa0\x8e\xef\xbb\xbf"), (Pieces{"a", " \xe1\xa0\x8e\xef\xbb\xbf"}));
}

TEST(Pieces, TakeBytesThatAreNoText) {
  EXPECT_EQ(pieces_of("\xff"), Pieces{"\xff"});
  EXPECT_EQ(pieces_of("ab\xff\xfe"
                      "cd"),
            (Pieces{"ab", "\xff\xfe", "cd"}));
  EXPECT_EQ(pieces_of("a \xc3"), (Pieces{"a", " ", "\xc3"}));
}

TEST(Tokenizer, EveryByteComesBack) {
  RandomStream random(RandomKey(1) / "bytes");
  std::string all(256, '\0');
  std::iota(all.begin(), all.end(), '\0');
  std::string mixed;
  for (int i = 0; i < 5000; ++i) mixed += static_cast<char>(random.below(random.below(2) == 0 ? 256 : 128));
  for (const auto& tokenizer : {bytes_tokenizer(), gpt2()}) {
    for (const std::string& text : {all, mixed, std::string()}) {
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << tokenizer->kind();
    }
  }
  EXPECT_EQ(bytes_tokenizer()->encode("a\xff"), (Ids{97, 255}));
}

// A megabyte of one kind is one piece, and takes no longer than others: some 0.3 s on a slow machine, where an hour
// would be quadratic.
TEST(Tokenizer, LongPiecesTakeNoQuadraticTime) {
  const auto tokenizer = gpt2();
  for (const std::string unit : {"a", " ", "=", "\xff", "\xf0\x9f\x98\x80"}) {
    std::string text;
    while (text.size() < 1000000) text += unit;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)) << unit;
  }
}

TEST(Characters, AreInTheOrderOfTheirCodePoints) {
  const std::vector<std::string_view> texts = {"b\na", "é😀a€"};
  const auto tokenizer = characters_tokenizer(texts);
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->encode("\nabé€😀"), (Ids{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(tokenizer->decode(Ids{5, 0, 3}), "😀\né");
}

// What it says of a text, with the place: "text/byte: what".
std::string encoding_error(const std::function<void()>& function) {
  try {
    function();
  } catch (const EncodingError& error) {
    return fmt::format("{}/{}: {}", error.text, error.at, error.what());
  }
  return "no error";
}

TEST(Characters, SayWhatTheyDoNotKnow) {
  const std::vector<std::string_view> texts = {"ab\n"};
  const auto tokenizer = characters_tokenizer(texts);
  EXPECT_EQ(encoding_error([&] { tokenizer->encode("ab\nbéa"); }),
            "0/4: the tokenizer does not know the character 'é' (U+00E9)");
  int64_t unknown = 0;
  EXPECT_EQ(tokenizer->encode("ab\nbéaz", &unknown), (Ids{1, 2, 0, 2, 1}));
  EXPECT_EQ(unknown, 2);
  for (int64_t* const count : {&unknown, static_cast<int64_t*>(nullptr)}) {
    EXPECT_EQ(encoding_error([&] { tokenizer->encode("ab\na\xff", count); }), "0/4: byte 0xff is not UTF-8 text");
  }
  const std::vector<std::string_view> wrong = {"fine", "\n\xe2\x82"};
  EXPECT_EQ(encoding_error([&] { characters_tokenizer(wrong); }), "1/1: byte 0xe2 is not UTF-8 text");
}

}  // namespace
}  // namespace transformlet
