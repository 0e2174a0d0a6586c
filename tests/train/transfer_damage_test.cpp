// Models to import whose files are damaged or lie: a run or an Error comes of them, never a crash, and what a
// config.json lies about costs no memory.
#include <gtest/gtest.h>

#include "autograd/kernels/buffer.h"
#include "base/random.h"
#include "tests/train/heap_watch.h"
#include "tests/train/transfer_tools.h"
#include "train/weights/flat_json.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class FlatJsonTest : public testing::Test {
 protected:
  std::string read_error(const std::string& bytes) {
    write_bytes(path, bytes);
    std::string text = error_of([&] { read_flat_json(path, wanted); });
    return text == "no error" ? text : text.substr(path.string().size() + 2);
  }

  const std::set<std::string> wanted = {"a", "b", "c", "d", "e", "f", "f.g", "f.h", "f.j", "k", "k.l", "m", "a.b"};
  TemporaryFolder folder;
  fs::path path = folder.path / "config.json";
};

TEST_F(FlatJsonTest, KeepsNumbersWordsAndBools) {
  write_bytes(path, R"({"a": 1, "b": -2.5, "c": "word", "d": true, "e": null, "f": {"g": 3, "h": {"i": 4}, "j": [5]},)"
                    R"( "k": [{"l": 6}], "m": {}, "n": 7, "n": 8})");
  EXPECT_EQ(Json(read_flat_json(path, wanted)),
            Json::parse(R"({"a": 1, "b": -2.5, "c": "word", "d": true, "e": null, "f": "an object", "f.g": 3,
                            "f.h": "an object", "f.j": "a list", "k": "a list", "m": "an object"})"));
}

TEST_F(FlatJsonTest, SaysWhatIsWrong) {
  EXPECT_EQ(read_error(""), "it is no JSON in UTF-8 (its byte 1 is wrong)");
  EXPECT_EQ(read_error("{\"a\": 1"), "it is no JSON in UTF-8 (its byte 8 is wrong)");
  EXPECT_EQ(read_error("{\"a\": \"\xff\"}"), "it is no JSON in UTF-8 (its byte 8 is wrong)");
  EXPECT_EQ(read_error("[1]"), "it is no JSON object");
  EXPECT_EQ(read_error("1"), "it is no JSON object");
  EXPECT_EQ(read_error("{\"a\": 1, \"a\": 2}"), "'a' is there twice");
  EXPECT_EQ(read_error("{\"a\": {\"b\": 1, \"b\": 2}}"), "'a.b' is there twice");
  EXPECT_EQ(read_error("{\"a\": 1e999}").substr(0, 10), "it is no J");
  EXPECT_EQ(read_error(std::string((1 << 20) + 1, ' ')), "it has 1048577 bytes, more than the 1048576 allowed");
  EXPECT_EQ(read_error("{\"a\": " + std::string(1000000, '[')), "it is no JSON in UTF-8 (its byte 1000007 is wrong)");
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(error_of([&] { read_flat_json(path, wanted); }), path.string() + ": it is no regular file");
}

TEST_F(FlatJsonTest, ManyOrLongValuesCostLittle) {
  std::string many = "{", deep = "{\"a\": " + std::string(500000, '[') + std::string(500000, ']') + "}";
  for (int i = 0; i < 60000; ++i) many += fmt::format("{}\"{}\":1", i == 0 ? "" : ",", i);
  const std::string longest = "{\"a\": \"" + std::string(1000000, 'x') + "\"}";
  for (const std::string& text : {many + "}", deep, longest}) {
    write_bytes(path, text);
    const HeapWatch heap;
    read_flat_json(path, wanted);
    // The parser keeps a token twice, once for its errors, in buffers that double; the value is a copy; the stream has
    // a buffer. Measured for one long string: 5.
    EXPECT_LE(heap.peak(), 6 * static_cast<int64_t>(text.size()) + 16384) << text.substr(0, 20);
  }
}

class TransferDamage : public testing::TestWithParam<const char*> {
 protected:
  // Imports what is there, which may be anything.
  bool imports() {
    const fs::path output = copy.folder.path / std::to_string(++count);
    try {
      import_model(copy.source, copy.layout, output, {"task.train_size=10", "task.val_size=0", "task.test_size=0"});
      return true;
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(copy.source.string()), std::string::npos) << text;  // it names the file
      EXPECT_FALSE(fs::exists(output)) << text;
      return false;
    }
  }

  const ModelCopy copy{GetParam()};
  int count = 0;
};

TEST_P(TransferDamage, AnyWeightsGiveARunOrAnError) {
  const fs::path path = copy.source / "model.safetensors";
  const std::string whole = bytes_of_file(path);
  const auto header_size = static_cast<int64_t>(whole.find("}}  ") == std::string::npos ? 1000 : whole.find("}}"));
  RandomStream random(RandomKey(3) / GetParam());
  int errors = 0;
  for (int i = 0; i < 70; ++i) {
    std::string bytes = whole;
    const auto at = static_cast<size_t>(random.below(i % 4 == 0 ? static_cast<int64_t>(whole.size()) : header_size));
    if (i % 3 == 0) {
      bytes.resize(at);
    } else {
      bytes[at] ^= static_cast<char>(1 << random.below(8));
    }
    write_bytes(path, bytes);
    errors += imports() ? 0 : 1;
  }
  EXPECT_GT(errors, 50);  // all but those where a number was changed
}

TEST_P(TransferDamage, AnyConfigGivesARunOrAnError) {
  const fs::path path = copy.source / "config.json";
  const std::string whole = bytes_of_file(path);
  static const char* const lies[] = {"0",
                                     "-1",
                                     "1e3",
                                     "4294967296",
                                     "9223372036854775807",
                                     "18446744073709551616",
                                     "1e400",
                                     "1.5",
                                     "{}",
                                     "[[",
                                     "null",
                                     "\"\\u0000\"",
                                     "true",
                                     "{",
                                     ",",
                                     "\"\xff\"",
                                     "1000",
                                     "\"n_layer\": 3,"};
  RandomStream random(RandomKey(4) / GetParam());
  int errors = 0;
  for (int i = 0; i < 70; ++i) {
    std::string bytes = whole;
    const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(whole.size())));
    switch (i % 4) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1 << random.below(8));
        break;
      default: {  // in the place of a value
        const size_t begin = std::min(whole.find(": ", at), whole.rfind(": ")) + 2;
        bytes.replace(begin, whole.find_first_of(",\n", begin) - begin,
                      lies[random.below(static_cast<int64_t>(std::size(lies)))]);
      }
    }
    write_bytes(path, bytes);
    const int64_t before = pool_statistics().peak_live_bytes;
    errors += imports() ? 0 : 1;
    // A model of this size has some kilobytes: what is larger is refused before it takes them.
    EXPECT_LT(pool_statistics().peak_live_bytes, before + (1 << 20)) << bytes;
  }
  EXPECT_GT(errors, 35);  // names that nobody asks for may be anything
}

INSTANTIATE_TEST_SUITE_P(Layouts, TransferDamage, testing::Values("hf-gpt2", "hf-llama", "torch-encoder"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace transformlet
