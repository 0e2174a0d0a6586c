// Files of tokenizers that are damaged or lie: a tokenizer that keeps its promises or an Error comes of them, never a
// crash, and what they lie about costs no memory.
#include <gtest/gtest.h>

#include <chrono>

#include "base/utf8.h"
#include "tests/train/damage.h"
#include "tests/train/heap_watch.h"
#include "tests/train/tokenizer_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Whatever else a tokenizer is, what it encodes it can decode, and what it writes gives the same tokenizer.
void expect_promises_kept(const Tokenizer& tokenizer) {
  const auto again = parse_tokenizer(tokenizer.json());
  EXPECT_EQ(again->json(), tokenizer.json());
  EXPECT_EQ(again->vocab_size(), tokenizer.vocab_size());
  for (const std::string_view text : {"Hello world!! \n\n 'tis <|endoftext|>", "\xff\x00 \xc3\xa9\xe2\x82", ""}) {
    try {
      const std::vector<int32_t> ids = tokenizer.encode(text);
      EXPECT_EQ(tokenizer.decode(ids), text);
      EXPECT_EQ(again->encode(text), ids);
    } catch (const EncodingError&) {
      EXPECT_STREQ(tokenizer.kind(), "characters");  // the only kind that does not take everything
    }
  }
}

class TokenizerDamage : public testing::Test {
 protected:
  // Reads what stands in `path`, the file or folder, which has so many bytes. True: it could be read.
  bool reads(size_t bytes) {
    std::unique_ptr<Tokenizer> tokenizer;
    std::string text;
    const HeapWatch heap;
    try {
      tokenizer = read_tokenizer(path);
    } catch (const Error& error) {
      text = error.what();
    }
    const auto size = static_cast<int64_t>(bytes);
    EXPECT_LE(heap.largest(), 2 * size + fixed_costs) << text;
    EXPECT_LE(heap.peak(), most_per_byte * size + fixed_costs) << text;
    if (tokenizer != nullptr) {
      expect_promises_kept(*tokenizer);
      return true;
    }
    EXPECT_TRUE(text.starts_with(path.string())) << text;
    EXPECT_GT(text.size(), path.string().size() + 2);
    EXPECT_LT(text.size(), path.string().size() + 400) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_EQ(utf8_prefix(text), text.size()) << text;
    return false;
  }

  // What is not the file's: names, the message, the pattern's compiled form. A tree of JSON, the tokens, their ids and
  // the ranks of merges stand side by side for a moment: 20 bytes for one of the file's (measured).
  static constexpr int64_t fixed_costs = 16384, most_per_byte = 24;
  TemporaryFolder folder;
  fs::path path = folder.path / "tokenizer.json";
};

TEST_F(TokenizerDamage, AnyTokenizerJsonGivesATokenizerOrAnError) {
  const std::string_view letters = "Helo wrd!\n'ts<|nfx>";
  const std::vector<std::pair<std::string, int>> originals = {
      {golden_json("gpt2_tokenizer.json").dump(), 200},
      {json::parse(bytes_tokenizer()->json()).dump(), 60},
      {json::parse(characters_tokenizer(std::span(&letters, 1))->json()).dump(), 60},
  };
  int errors = 0, reads_well = 0;
  for (const auto& [whole, count] : originals) {
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(fmt::format("{} {}", whole.size(), i));
      const std::string bytes = Damage(RandomKey(1) / "json" / static_cast<int64_t>(whole.size()) / i).to_json(whole);
      write_bytes(path, bytes);
      reads(bytes.size()) ? ++reads_well : ++errors;
    }
  }
  EXPECT_GT(errors, 200);     // most damage is found ...
  EXPECT_GT(reads_well, 80);  // ... but not what leaves another vocabulary
}

TEST_F(TokenizerDamage, AnyFirstFilesGiveATokenizerOrAnError) {
  path = folder.path / "gpt2";
  fs::create_directory(path);
  const json file = golden_json("gpt2_tokenizer.json");
  const std::string encoder = file.at("model").at("vocab").dump();
  std::string merges = "#version: 0.2\n";
  for (const std::string merge : file.at("model").at("merges")) merges += merge + "\n";
  int errors = 0, reads_well = 0;
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    Damage damage(RandomKey(1) / "first files" / i);
    const bool to_merges = i % 2 == 0;
    const std::string json = to_merges ? encoder : damage.to_json(encoder);
    const std::string lines = to_merges ? damage.to_bytes(merges) : merges;
    write_bytes(path / "encoder.json", json);
    write_bytes(path / "vocab.bpe", lines);
    reads(json.size() + lines.size()) ? ++reads_well : ++errors;
  }
  EXPECT_GT(errors, 150);
  EXPECT_GT(reads_well, 30);
}

// A file may be nothing but a list or an object, whose elements take two bytes and more. It takes no more than linear
// time, either.
TEST_F(TokenizerDamage, ManyValuesCostLittle) {
  for (const std::string start :
       {R"({"model":{"merges":[)", R"({"added_tokens":[)", R"({"model":{"vocab":[)", R"({"model":{"vocab":{)"}) {
    const bool is_object = start.ends_with('{');
    for (const std::string value : {"1,", "\"\",", "[],", "{},", "[[[[1]]]],", "\"nine___\","}) {
      std::string bytes = start;
      for (int i = 0; bytes.size() < 300000; ++i) bytes += is_object ? fmt::format("\"{:x}\":{}", i, value) : value;
      bytes += (is_object ? "\"end\":0}" : "0]") + std::string(start.find("model") == start.npos ? 1 : 2, '}');
      write_bytes(path, bytes);
      const auto begin = std::chrono::steady_clock::now();
      const HeapWatch heap;
      EXPECT_NE(error_of([&] { read_tokenizer(path); }), "no error");
      EXPECT_LE(heap.largest(), 2 * static_cast<int64_t>(bytes.size()) + fixed_costs) << start << value;
      EXPECT_LE(heap.peak(), most_per_byte * static_cast<int64_t>(bytes.size()) + fixed_costs) << start << value;
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
      EXPECT_LT(time.count(), 2) << start << value;  // it takes some 10 ms; quadratic time would be some 5 s
    }
  }
}

// An id says nothing of how much memory there is.
TEST_F(TokenizerDamage, LargeIdsCostNothing) {
  const std::string largest = with(golden_json("gpt2_tokenizer.json"), "/added_tokens/0/id", (1 << 24) - 1);
  json file = json::parse(largest);
  file["model"]["vocab"].erase("<|endoftext|>");
  write_bytes(path, file.dump());
  EXPECT_TRUE(reads(file.dump().size()));
  EXPECT_EQ(read_tokenizer(path)->vocab_size(), 1 << 24);
  for (const std::string id : {"16777216", "4294967296", "4295017552", "18446744073709551615", "-1", "1.5", "\"1\""}) {
    std::string text = file.dump();
    text.replace(text.find("16777215"), 8, id);
    write_bytes(path, text);
    EXPECT_EQ(error_of([&] { read_tokenizer(path); }),
              path.string() + (id.find_first_of(".\"") == id.npos ? ": added_tokens[0] has " + id + " for an id"
                                                                  : ": added_tokens[0] needs an id and a content"));
  }
}

TEST_F(TokenizerDamage, SaysWhatIsWrong) {
  const auto error = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    return error_of([&] { read_tokenizer(path); }).substr(path.string().size() + 2);
  };
  EXPECT_EQ(error(""), "it is no JSON (its byte 1 is wrong)");
  EXPECT_EQ(error("{\"version\":1e999}"), "it has a number that is too large");
  EXPECT_EQ(error("{\"version\":1,\"version\":1}"), "an object has the key 'version' twice");
  EXPECT_EQ(error("{\"model\":{\"vocab\":{\"a\\n\":1,\"b\":2,\"a\\n\":3}}}"), "an object has the key 'a\\n' twice");
  EXPECT_EQ(error(std::string(1000000, '[')), "it is JSON that nests deeper than 32");
  EXPECT_EQ(error("{\"a\\u0000\\n\":1,\"model\":{}}"), "a\\x00\\n: an unknown key");
  json file = golden_json("gpt2_tokenizer.json");
  file["added_tokens"].push_back({{"id", 50257}, {"content", "<|endoftext|>"}});
  EXPECT_EQ(error(file.dump()), "added_tokens: '<|endoftext|>' has another id in model.vocab");
  file["added_tokens"] = {{{"id", 50257}, {"content", "<x>"}}, {{"id", 50258}, {"content", "<x>"}}};
  EXPECT_EQ(error(file.dump()), "the added token '<x>' stands there twice");

  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(error_of([&] { read_tokenizer(folder.path); }), path.string() + ": it is no regular file");
  fs::remove(path);
  write_bytes(folder.path / "encoder.json", golden_json("gpt2_tokenizer.json").at("model").at("vocab").dump());
  const std::string merges = (folder.path / "vocab.bpe").string();
  EXPECT_EQ(error_of([&] { read_tokenizer(folder.path); }), merges + ": No such file or directory");
  write_bytes(merges, "#version: 0.2\nt h\nab\xff\n");
  EXPECT_EQ(error_of([&] { read_tokenizer(folder.path); }), merges + ": line 3 is not UTF-8 text");
  write_bytes(merges, "#version: 0.2\nt h\n\n#version");
  EXPECT_EQ(error_of([&] { read_tokenizer(folder.path); }), merges + ": line 4 is \"#version\": no pair of tokens");
  write_bytes(merges, "t h\r\n");
  EXPECT_EQ(error_of([&] { read_tokenizer(folder.path); }), merges + ": line 1: 'h\\x0d' is not in the vocabulary");
}

}  // namespace
}  // namespace transformlet
