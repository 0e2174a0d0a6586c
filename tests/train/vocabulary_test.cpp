// Symbols and ids: their order, what is unknown, the file, and files that are damaged.
#include "train/tasks/vocabulary.h"

#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

SymbolCounts counts_of(const std::vector<std::string>& words) {
  SymbolCounts counts;
  for (const std::string& word : words) ++counts[word];
  return counts;
}

std::vector<std::string> names_of(const Vocabulary& vocabulary) {
  std::vector<std::string> names;
  for (int32_t id = 0; id < vocabulary.size(); ++id) names.push_back(vocabulary.name(id));
  return names;
}

using Names = std::vector<std::string>;

TEST(Vocabulary, FrequentSymbolsComeFirstAndEqualOnesByCodePoint) {
  const SymbolCounts counts = counts_of({"é", "b", "z", "b", "a", "z", "b", "\U0001f600", "\uffff", "once"});
  EXPECT_EQ(names_of(Vocabulary::most_frequent(counts, 1)),
            (Names{"b", "z", "a", "once", "é", "\uffff", "\U0001f600"}));
  EXPECT_EQ(names_of(Vocabulary::most_frequent(counts, 2, {"<pad>", "<unk>"})), (Names{"<pad>", "<unk>", "b", "z"}));
  EXPECT_EQ(names_of(Vocabulary({"z", "b"})), (Names{"z", "b"})) << "given in an order, they keep it";
}

TEST(Vocabulary, UnknownSymbolsHaveTheIdOfUnk) {
  const Vocabulary words({"the", "cat"}, {"<pad>", "<unk>"});
  EXPECT_EQ(words.size(), 4);
  EXPECT_EQ(words.id_of("cat"), 3);
  EXPECT_EQ(words.id_of("dog"), 1);
  EXPECT_EQ(words.find("cat"), 3);
  EXPECT_EQ(words.find("dog"), std::nullopt);
  EXPECT_EQ(words.id_of_special("<pad>"), 0);
  EXPECT_EQ(error_of([&] { words.id_of_special("the"); }), "the vocabulary has no special symbol 'the'");
  const Vocabulary labels({"the", "cat"});
  EXPECT_EQ(error_of([&] { labels.id_of("do\tg"); }), "'do\\tg' is not in the vocabulary");
}

// A text may hold the words by which special symbols are named.
TEST(Vocabulary, NoTextMeansASpecialSymbol) {
  const Vocabulary words({"the", "<pad>"}, {"<pad>", "<eos>", "<unk>"});
  EXPECT_EQ(words.id_of("<pad>"), 4);
  EXPECT_EQ(words.id_of("<eos>"), 2);
  EXPECT_EQ(words.id_of("<unk>"), 2);
  EXPECT_EQ(words.find("<unk>"), std::nullopt);
}

TEST(Vocabulary, TheFileGivesItBack) {
  const TemporaryFolder folder;
  const Vocabulary words({"\"", "\\", "é", "a b", "\u2028"}, {"<unk>"});
  write_bytes(folder.path / "v.json", words.json());
  const Vocabulary again = read_vocabulary(folder.path / "v.json");
  EXPECT_EQ(names_of(again), names_of(words));
  EXPECT_EQ(again.id_of("nowhere"), 0);
  EXPECT_EQ(again.json(), words.json());
  EXPECT_EQ(Vocabulary::parse(Vocabulary().json()).size(), 0);
  EXPECT_EQ(Vocabulary({"b", "a"}, {"<unk>"}).json(),
            "{\"special\": [\n  \"<unk>\"],\n\"symbols\": [\n  \"b\",\n  \"a\"]}\n");
}

TEST(Vocabulary, SaysWhatIsWrong) {
  EXPECT_EQ(error_of([] { Vocabulary({"a", "b", "a"}); }), "the symbol 'a' is there twice");
  EXPECT_EQ(error_of([] { Vocabulary({"a", ""}, {"<unk>"}); }), "the symbol with id 2 is empty");
  EXPECT_EQ(error_of([] { Vocabulary({"a\xff"}); }), "the symbol with id 0 is not UTF-8");
  EXPECT_EQ(error_of([] { Vocabulary({}, {"<unk>", "<unk>"}); }), "the special symbol '<unk>' is there twice");
  const TemporaryFolder folder;
  const auto damage = [&](const std::string& text) {
    write_bytes(folder.path / "v.json", text);
    const std::string message = error_of([&] { read_vocabulary(folder.path / "v.json"); });
    return message.substr(message.rfind('/') + 1);
  };
  EXPECT_EQ(damage(""), "v.json: it is no JSON (its byte 1 is wrong)");
  EXPECT_EQ(damage("[]"), "v.json: it is no JSON object");
  EXPECT_EQ(damage("{}"), "v.json: special is no list");
  EXPECT_EQ(damage(R"({"symbols": {}, "special": []})"), "v.json: symbols is no list");
  EXPECT_EQ(damage(R"({"symbols": ["a", 1], "special": []})"), "v.json: symbols[1] is no string");
  EXPECT_EQ(damage(R"({"symbols": ["a", "a"], "special": []})"), "v.json: the symbol 'a' is there twice");
  EXPECT_NE(error_of([&] { read_vocabulary(folder.path / "none"); }).find("none: cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace transformlet
