// Texts that are damaged, and folders that hold what is no text: all of a text is read, or an Error says what is wrong
// with it; never a crash, and no more memory than twice the text.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "base/utf8.h"
#include "tests/train/damage.h"
#include "tests/train/heap_watch.h"
#include "tests/train/storage_tools.h"
#include "train/tasks/text_data.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

std::string decoded(const Splits& splits, const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  for (const TokenIds& split : splits) {
    for (int64_t i = 0; i < split.size(); ++i) ids.push_back(split[i]);
  }
  return tokenizer.decode(ids);
}

class TextDamage : public testing::Test {
 protected:
  // Reads the text at `path`, which is `whole`, under the tokenizer: `characters` if none is given. The error, or none.
  // What is not the text's: messages; the characters, each of which is in a set, a list and a table; `for_names`.
  std::string read_error(const std::string& whole, std::unique_ptr<Tokenizer> tokenizer, int64_t for_names = 0) {
    constexpr int64_t fixed_costs = 65536;
    Splits splits;
    std::string text;
    const HeapWatch heap;
    try {
      const std::vector<MappedFile> files = map_text_files(path);
      if (tokenizer == nullptr) tokenizer = characters_of(files);
      splits = encoded_splits(files, *tokenizer, 0.2, 0.1);
    } catch (const Error& error) {
      text = error.what();
    }
    EXPECT_LE(heap.peak(), 2 * static_cast<int64_t>(whole.size()) + fixed_costs + for_names) << text;
    if (text.empty()) {
      EXPECT_EQ(decoded(splits, *tokenizer), whole);
      return text;
    }
    EXPECT_TRUE(text.starts_with(path.string())) << text;
    EXPECT_EQ(text.find('\n'), text.npos) << text;
    return text.substr(path.string().size());
  }

  TemporaryFolder folder;
  fs::path path = folder.path / "text";
};

std::string text_of_many_lines() {
  std::string text;
  for (int i = 0; text.size() < 80000; ++i) text += fmt::format("Line {} — größer, 'tis 😀\n", i * 7919 % 1000);
  return text;
}

TEST_F(TextDamage, AnyBytesAreATextOfBytes) {
  const std::string whole = text_of_many_lines();
  int errors = 0, reads = 0;
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    Damage damage(RandomKey(1) / "bytes" / i);
    std::string bytes = damage.to_bytes(whole.substr(0, 1 + damage.below(whole.size())));
    if (i % 10 == 0) bytes = bytes.substr(0, damage.below(4));  // next to nothing
    write_bytes(path, bytes);
    const std::string error = read_error(bytes, bytes_tokenizer());
    EXPECT_EQ(error, bytes.empty() ? ": the file is empty" : "");
    error.empty() ? ++reads : ++errors;
  }
  EXPECT_GT(errors, 0);
  EXPECT_GT(reads, 150);
}

TEST_F(TextDamage, CharactersAreUtf8OrAnError) {
  const std::string whole = text_of_many_lines();
  int errors = 0, reads = 0;
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    const std::string bytes = Damage(RandomKey(1) / "characters" / i).to_bytes(whole);
    const size_t wrong = utf8_prefix(bytes);
    write_bytes(path, bytes);
    const std::string error = read_error(bytes, nullptr);
    if (wrong == bytes.size()) {
      EXPECT_EQ(error, "");
      ++reads;
    } else {
      EXPECT_EQ(error, fmt::format(":{}: byte 0x{:02x} is not UTF-8 text", line_and_column(bytes, wrong),
                                   static_cast<unsigned char>(bytes[wrong])));
      ++errors;
    }
  }
  EXPECT_GT(errors, 30);
  EXPECT_GT(reads, 60);
}

// Beside texts a folder may hold anything: only what is a file, not hidden and not empty is read, in the order of
// paths.
TEST_F(TextDamage, AnyFolderIsATextOrAnError) {
  int errors = 0, reads = 0;
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    Damage damage(RandomKey(1) / "folder" / i);
    fs::create_directory(path);
    std::map<fs::path, std::string> texts;
    int64_t components = 0;  // of paths: each takes some 50 bytes, in a list that doubles, of a path in two lists
    for (size_t count = damage.below(8); count > 0; --count) {
      fs::path place = path;
      for (size_t depth = damage.below(i % 100 == 0 ? 200 : 3); depth > 0; --depth) place /= "d";
      fs::create_directories(place);
      place /= damage.chosen({"a", "b.txt", "\xff\xfe", " ", "e\nf", ".hidden", std::string(255, 'n')});
      if (fs::exists(fs::symlink_status(place))) continue;
      components += std::distance(place.begin(), place.end());
      const std::string text = damage.to_bytes("text " + std::to_string(count) + "\n");
      switch (damage.below(7)) {
        case 0:
          fs::create_symlink("nowhere", place);
          break;
        case 1:
          fs::create_directory_symlink(path, place);  // a circle
          break;
        case 2:
          ASSERT_EQ(mkfifo(place.c_str(), 0600), 0);  // to open it would block
          break;
        case 3:
          write_bytes(place, "");
          break;
        default:
          write_bytes(place, text);
          if (place.filename() != ".hidden" && !text.empty()) texts[place] = text;
      }
    }
    std::string whole;
    for (const auto& [place, text] : texts) whole += text;
    const std::string error = read_error(whole, bytes_tokenizer(), 300 * components);
    EXPECT_EQ(error, whole.empty() ? ": there is no file in this folder that has a text" : "");
    error.empty() ? ++reads : ++errors;
    fs::remove_all(path);
  }
  EXPECT_GT(errors, 20);
  EXPECT_GT(reads, 100);
}

}  // namespace
}  // namespace transformlet
