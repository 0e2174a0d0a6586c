// The task of texts: splits, windows, tokenizers, and what is said of texts that won't do.
#include <gtest/gtest.h>

#include <set>

#include "tests/train/task_tools.h"
#include "train/experiment.h"
#include "train/tasks/text_data.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;
class TextTask : public FileTask {
 protected:
  TextTask() : FileTask("text") {}
};

std::string text_of(const Ids& ids) { return {ids.begin(), ids.end()}; }

// The targets of a whole split, as evaluation goes through it.
Ids targets_of(const Task& task, Split split) {
  Ids targets;
  for (int64_t i = 0; i < task.evaluation_size(split); ++i) {
    for (const int32_t id : row_of(task.evaluation_batch(split, {i}).targets, 0)) {
      if (id != CrossEntropyOptions().ignored) targets.push_back(id);
    }
  }
  return targets;
}

TEST_F(TextTask, TrainsOnWindowsAndTheirNextTokens) {
  const auto text = task(file("a", "0123456789abcdefghij") + ", seq_len: 4, val_fraction: 0.25");
  EXPECT_EQ(text->size(Split::train), 11);  // 15 tokens: a window and its next token begin at 0 ... 10
  EXPECT_EQ(text->sampling(), Sampling::steps);
  EXPECT_EQ(text->sizes().vocab_size, 256);
  EXPECT_EQ(text->sizes().max_length, 4);
  EXPECT_EQ(text->data_bytes(), 40);
  const Batch batch = text->batch(Split::train, {0, 10});
  EXPECT_EQ(batch.inputs.shape(), (Shape{2, 4}));
  EXPECT_TRUE(batch.mask.is_causal());
  EXPECT_EQ(batch.target_bytes, 8);
  EXPECT_EQ(text_of(row_of(batch.inputs, 0)), "0123");
  EXPECT_EQ(text_of(row_of(batch.targets, 0)), "1234");
  EXPECT_EQ(text_of(row_of(batch.inputs, 1)), "abcd");
  EXPECT_EQ(text_of(row_of(batch.targets, 1)), "bcde");
}

TEST_F(TextTask, EvaluatesEveryTokenOnce) {
  const auto text = task(file("a", "0123456789abcdefghij") + ", seq_len: 3, val_fraction: 0.3, test_fraction: 0.1");
  EXPECT_EQ(text_of(targets_of(*text, Split::train)), "123456789ab");
  EXPECT_EQ(text_of(targets_of(*text, Split::validation)), "defgh");
  EXPECT_EQ(text_of(targets_of(*text, Split::test)), "j");
  EXPECT_EQ(text->size(Split::validation), 2);
  const Batch last = text->evaluation_batch(Split::validation, {1});
  EXPECT_EQ(row_of(last.inputs, 0), (Ids{'f', 'g', 0}));
  EXPECT_EQ(row_of(last.targets, 0), (Ids{'g', 'h', -100}));
  EXPECT_EQ(last.target_bytes, 2);
}

// 90 % of tinyshakespeare's 1,115,394 bytes are 1,003,854 to nanoGPT.
TEST_F(TextTask, CutsWhereNanoGptDoes) {
  const auto text = task(file("a", std::string(1115394, 'x')) + ", seq_len: 64");
  EXPECT_EQ(text->size(Split::train), 1003854 - 64);
  EXPECT_EQ(text->evaluation_size(Split::validation), (111540 - 1 + 63) / 64);
  EXPECT_EQ(text->size(Split::test), 0);
}

TEST_F(TextTask, TheSplitsAreTheSameTextForEveryTokenizer) {
  // Of 20 bytes, 7 are three characters and a half: the cut is after the fourth.
  const std::string path = file("a", "éèàùâêîôûä") + ", seq_len: 1, val_fraction: 0.64";
  const auto bytes = task(path), characters = task(path + ", tokenizer: characters");
  EXPECT_EQ(text_of(targets_of(*bytes, Split::validation)), std::string("âêîôûä").substr(1));
  EXPECT_EQ(characters->sizes().vocab_size, 10);
  EXPECT_EQ(targets_of(*characters, Split::validation), (Ids{5, 6, 7, 9, 2}));  // êîôûä
  EXPECT_EQ(characters->evaluation_batch(Split::validation, {0, 1}).target_bytes, 4);
}

TEST_F(TextTask, AFolderIsOneText) {
  fs::create_directories(folder.path / "texts" / "b");
  fs::create_directories(folder.path / "texts" / ".git");
  write_bytes(folder.path / "texts" / "c", "6789");
  write_bytes(folder.path / "texts" / "a", "012");
  write_bytes(folder.path / "texts" / "b" / "z", "345");
  write_bytes(folder.path / "texts" / "empty", "");
  write_bytes(folder.path / "texts" / ".hidden", "no");
  write_bytes(folder.path / "texts" / ".git" / "x", "no");
  const auto text = task("path: " + (folder.path / "texts").string() + ", seq_len: 2, val_fraction: 0.5");
  EXPECT_EQ(text_of(targets_of(*text, Split::train)), "1234");
  EXPECT_EQ(text_of(targets_of(*text, Split::validation)), "6789");
}

TEST_F(TextTask, UsesATokenizerFileAndSavesIt) {
  const std::string_view letters = "ba";
  write_bytes(folder.path / "t.json", characters_tokenizer(std::span(&letters, 1))->json());
  const std::string keys =
      file("a", "abbaabba") + ", seq_len: 2, val_fraction: 0, tokenizer: " + (folder.path / "t.json").string();
  const auto text = task(keys);
  EXPECT_EQ(row_of(text->batch(Split::train, {0}).inputs, 0), (Ids{0, 1}));
  fs::create_directory(folder.path / "run");
  text->save(folder.path / "run");
  EXPECT_EQ(bytes_of_file(folder.path / "run" / "tokenizer.json"), bytes_of_file(folder.path / "t.json"));

  // A run keeps to it, whatever has become of the file.
  const std::string_view more = "xab";
  write_bytes(folder.path / "run" / "tokenizer.json", characters_tokenizer(std::span(&more, 1))->json());
  write_bytes(folder.path / "run" / "config.yaml", "task: {name: text, " + keys + "}\n");
  fs::remove(folder.path / "t.json");
  const auto config = read_run_config<TaskConfig>(folder.path / "run");
  EXPECT_EQ(config.task->sizes().vocab_size, 3);
  EXPECT_EQ(refusal(keys), "task.tokenizer: 't.json' is neither bytes nor characters, nor is there such a file");
}

TEST_F(TextTask, SaysWhatIsWrong) {
  const std::string good = file("good", "0123456789012345678901234567890123456789");
  EXPECT_EQ(refusal("seq_len: 2"), "task.path: required key is missing");
  EXPECT_EQ(refusal("path: " + (folder.path / "none").string()), "task.path: none: there is no such file");
  EXPECT_EQ(refusal(file("empty", "")), "task.path: empty: the file is empty");
  fs::create_directory(folder.path / "folder");
  EXPECT_EQ(refusal("path: " + (folder.path / "folder").string()),
            "task.path: folder: there is no file in this folder that has a text");
  EXPECT_EQ(refusal("path: /dev/null"), "task.path: /dev/null: it is neither a file nor a folder");
  EXPECT_EQ(refusal(good + ", seq_len: 36"),
            "task.seq_len: good: a sequence and its next token are more than the 36 tokens of the text that are for "
            "training");
  EXPECT_EQ(refusal(good + ", seq_len: 35"), "no error");
  EXPECT_EQ(refusal(good + ", seq_len: 4, test_fraction: 0.025"),
            "task.seq_len: good: the text is too short: test_fraction leaves 1 of its tokens, and two are needed");
  EXPECT_EQ(refusal(good + ", val_fraction: 0.5, test_fraction: 0.5"),
            "task.val_fraction: with test_fraction leaves nothing to train on");
  EXPECT_EQ(refusal(good + ", tokenizer: charakters"),
            "task.tokenizer: 'charakters' is neither bytes nor characters, nor is there such a file (did you mean "
            "characters?)");
  EXPECT_EQ(refusal(file("latin1", "ab\nM\xfcnchen") + ", seq_len: 2, tokenizer: characters"),
            "task.tokenizer: latin1:2:2: byte 0xfc is not UTF-8 text");
  EXPECT_EQ(refusal(file("latin1", "ab\nM\xfcnchen") + ", seq_len: 2, val_fraction: 0"), "no error");
  const std::string_view digits = "012345678";
  write_bytes(folder.path / "t.json", characters_tokenizer(std::span(&digits, 1))->json());
  const std::string tokenizer = ", seq_len: 2, tokenizer: " + (folder.path / "t.json").string();
  EXPECT_EQ(refusal(good + tokenizer),
            "task.tokenizer: good:1:10: the tokenizer does not know the character '9' (U+0039)");
  EXPECT_EQ(refusal(file("late", "0000000000\n000000000é") + tokenizer),
            "task.tokenizer: late:1:11: the tokenizer does not know the character '\\n' (U+000A)");
  write_bytes(folder.path / "t.json", "{}");
  EXPECT_EQ(refusal(good + tokenizer), "task.tokenizer: t.json: model is no object");
}

TEST(TokenIds, AreTwoBytesWhereTheVocabularyAllowsIt) {
  for (const int64_t vocab_size : {65536, 65537}) {
    TokenIds ids(vocab_size);
    for (const int64_t id : {int64_t{0}, int64_t{40000}, vocab_size - 1}) ids.push_back(static_cast<int32_t>(id));
    EXPECT_EQ(ids.bytes(), vocab_size == 65536 ? 6 : 12);
    EXPECT_EQ(ids[1], 40000);
    EXPECT_EQ(ids[2], vocab_size - 1);
  }
}

TEST(DataOrder, DrawnStepsAreAFunctionOfSeedAndStep) {
  constexpr int64_t size = int64_t{1} << 40;  // a permutation of it would fill eight terabytes
  DataOrder order(1, size, 4, Sampling::steps), same(1, size, 4, Sampling::steps), other(2, size, 4, Sampling::steps);
  same.examples(3);
  EXPECT_EQ(order.examples(7), same.examples(7));
  EXPECT_NE(order.examples(7), order.examples(8));
  EXPECT_NE(order.examples(7), other.examples(7));

  // All are drawn equally often: 4000 draws of 10, each 400 times but for 4 deviations.
  DataOrder few(1, 10, 4, Sampling::steps);
  std::map<int64_t, int> drawn;
  for (int64_t step = 0; step < 1000; ++step) {
    for (const int64_t example : few.examples(step)) ++drawn[example];
  }
  EXPECT_EQ(drawn.size(), 10u);
  for (const auto& [example, count] : drawn) EXPECT_NEAR(count, 400, 4 * std::sqrt(400 * 0.9)) << example;
}

}  // namespace
}  // namespace transformlet
