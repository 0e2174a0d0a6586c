// Labelled sequences: how files are read, splits, ids, batches, and what a run keeps.
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "tests/train/labelled_tools.h"
#include "train/tasks/labelled_data.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr int32_t ignored = CrossEntropyOptions().ignored;
const std::string no_splits = ", val_fraction: 0, test_fraction: 0";

TEST_F(LabelledTask, TextsHaveALabelEach) {
  const auto texts = task(file("a", "\xef\xbb\xbfno\tb a\r\n\nyes\t a  é a b\nno\tb\n") + no_splits + ", min_count: 1");
  EXPECT_EQ(texts->size(Split::train), 3);
  EXPECT_EQ(texts->size(Split::validation), 0);
  EXPECT_TRUE(texts->sizes().whole_sequences);
  EXPECT_EQ(texts->sizes().vocab_size, 4);  // <unk>, and a, b (3 times), é
  EXPECT_EQ(texts->sizes().classes, 2);
  EXPECT_EQ(texts->sizes().max_length, 64);
  EXPECT_EQ(row_of(texts->batch(Split::train, {1}).inputs, 0), (Ids{1, 3, 1, 2})) << "places are those in the file";
  EXPECT_EQ(texts->length(1), 4);
  const Batch batch = all_of(*texts, Split::train);
  EXPECT_EQ(batch.inputs.shape(), (Shape{3, 4}));
  EXPECT_EQ(row_of(batch.inputs, 0), (Ids{2, 0, 0, 0}));
  EXPECT_EQ(row_of(batch.inputs, 1), (Ids{2, 1, 0, 0}));
  EXPECT_EQ(row_of(batch.inputs, 2), (Ids{1, 3, 1, 2}));
  EXPECT_EQ(batch.targets.shape(), (Shape{3}));
  EXPECT_EQ(batch.targets.ids(), (Ids{0, 0, 1}));  // no, no, yes
  EXPECT_EQ(Ids(batch.mask.lengths(), batch.mask.lengths() + 3), (Ids{1, 2, 4}));
}

TEST_F(LabelledTask, TokensHaveATagEach) {
  const std::string text =
      "-DOCSTART- -X- O\n\nthe DT B-NP\r\ncat NN I-NP\n \t\n\nNew York\tX\tB-LOC\nthe\tX\tO\n"
      "cat\tX\tO\n-DOCSTART- -X- O\ncat NN O\n";
  const auto tags = task(file("a", text) + no_splits + ", form: tagging, min_count: 1");
  EXPECT_FALSE(tags->sizes().whole_sequences);
  EXPECT_EQ(tags->sizes().vocab_size, 4);  // <unk>, cat, the, New York
  EXPECT_EQ(tags->sizes().classes, 4);     // B-LOC, B-NP, I-NP, O
  const Batch batch = all_of(*tags, Split::train);
  EXPECT_EQ(batch.inputs.shape(), (Shape{3, 3}));
  EXPECT_EQ(batch.targets.shape(), (Shape{3, 3}));
  EXPECT_EQ(row_of(batch.inputs, 0), (Ids{1, 0, 0}));
  EXPECT_EQ(row_of(batch.inputs, 1), (Ids{2, 1, 0}));
  EXPECT_EQ(row_of(batch.inputs, 2), (Ids{3, 2, 1}));
  EXPECT_EQ(row_of(batch.targets, 0), (Ids{3, ignored, ignored}));
  EXPECT_EQ(row_of(batch.targets, 1), (Ids{1, 2, ignored}));
  EXPECT_EQ(row_of(batch.targets, 2), (Ids{0, 3, 3}));
  EXPECT_EQ(Ids(batch.mask.lengths(), batch.mask.lengths() + 3), (Ids{1, 2, 3}));
}

// A batch of a part of the examples would be shorter.
TEST_F(LabelledTask, PartsOfABatchArePaddedAsTheWhole) {
  const auto texts = task(file("a", "x\ta\ny\ta a a\nx\ta a\n") + no_splits);
  const std::vector<int64_t> examples = {1, 0, 2};
  const Batch whole = texts->batch(Split::train, examples), part = whole.samples(1, 2);
  EXPECT_EQ(part.inputs.shape(), (Shape{1, 3}));
  EXPECT_EQ(row_of(part.inputs, 0), row_of(whole.inputs, 1));
  EXPECT_EQ(part.targets.ids(), (Ids{whole.targets[1]}));
  EXPECT_EQ(part.mask.lengths()[0], whole.mask.lengths()[1]);
  EXPECT_EQ(texts->batch(Split::train, {0}).inputs.shape(), (Shape{1, 1}));
}

TEST_F(LabelledTask, RareSymbolsAreUnknownAndCounted) {
  const std::string train = file("train", "x\ta a b\ny\tb a c\n"), val = file("val", "x\ta c d\ny\tb\n", "val_path");
  const auto words = task(train + ", " + val + ", test_fraction: 0");
  EXPECT_EQ(words->sizes().vocab_size, 3);
  EXPECT_EQ(words->summary(Split::train), "2 texts, 50.0 % x; 1 of 6 words are not in the vocabulary");
  EXPECT_EQ(words->summary(Split::validation), "2 texts, 50.0 % x; 2 of 4 words are not in the vocabulary");
  EXPECT_EQ(row_of(all_of(*words, Split::validation).inputs, 1), (Ids{1, 0, 0}));
  const auto characters = task(train + ", " + val + ", test_fraction: 0, tokenizer: characters");
  EXPECT_EQ(characters->summary(Split::validation), "2 texts, 50.0 % x; 2 of 6 characters are not in the vocabulary");
  EXPECT_EQ(task(train + no_splits + ", tokenizer: bytes")->summary(Split::train), "2 texts, 50.0 % x");
  const auto tags = task(file("tags", "a X\nb X\n\nc Y\n") + no_splits + ", form: tagging");
  EXPECT_EQ(tags->summary(Split::train), "3 tags, 66.7 % X; 3 of 3 words are not in the vocabulary");
}

std::set<Ids> inputs_of(const Task& task, Split split) {
  std::set<Ids> inputs;
  for (int64_t i = 0; i < task.size(split); ++i) inputs.insert(row_of(task.batch(split, {i}).inputs, 0));
  return inputs;
}

// 1000 texts, each twice, with different labels. A split's share of different texts deviates by sqrt(p (1 - p) / 1000).
TEST_F(LabelledTask, WhereATextGoesDependsOnItAlone) {
  std::string text, more;
  for (int i = 0; i < 1000; ++i) text += fmt::format("a\t{0}\nb\t{0}\n", i);
  for (int i = 1000; i < 1300; ++i) more += fmt::format("c\t{}\n", i);
  const std::string keys = ", tokenizer: bytes, val_fraction: 0.2, test_fraction: 0.1";
  const auto some = task(file("some", text) + keys), all = task(file("all", more + text) + keys);
  const std::set<Ids> train = inputs_of(*some, Split::train), val = inputs_of(*some, Split::validation),
                      test = inputs_of(*some, Split::test);
  EXPECT_EQ(train.size() + val.size() + test.size(), 1000u) << "a text is in two splits";
  EXPECT_NEAR(static_cast<double>(val.size()) / 1000, 0.2, 4 * std::sqrt(0.2 * 0.8 / 1000));
  EXPECT_NEAR(static_cast<double>(test.size()) / 1000, 0.1, 4 * std::sqrt(0.1 * 0.9 / 1000));
  EXPECT_EQ(some->size(Split::validation), 2 * static_cast<int64_t>(val.size()));
  for (const auto& [split, texts] : {std::pair(Split::train, train), {Split::validation, val}, {Split::test, test}}) {
    const std::set<Ids> now = inputs_of(*all, split);
    EXPECT_TRUE(std::includes(now.begin(), now.end(), texts.begin(), texts.end())) << name_of(split);
  }
}

TEST_F(LabelledTask, ASentenceIsItsTokens) {
  const LabelledSequence sentence{.pieces = {"the", "cat"}, .labels = {}, .file = "", .line = 1};
  const LabelledSequence text{.pieces = {"the cat"}, .labels = {}, .file = "", .line = 1};
  std::set<Split> splits;
  for (double share = 0.05; share < 1; share += 0.05) {
    splits.insert(split_of(sentence, share, 0));
    EXPECT_EQ(split_of(sentence, share, 0), split_of(text, share, 0));
  }
  EXPECT_EQ(splits.size(), 2u);
}

TEST_F(LabelledTask, FilesOfTheirOwnAreSplits) {
  fs::create_directory(folder.path / "train");
  write_bytes(folder.path / "train" / "1", "x\ta\n");
  write_bytes(folder.path / "train" / "2", "y\tb");
  const std::string keys = "path: " + (folder.path / "train").string() + ", " + file("val", "y\ta\n", "val_path") +
                           ", " + file("test", "x\tb\ny\tb\nx\ta\n", "test_path");
  const auto texts = task(keys);
  EXPECT_EQ(texts->size(Split::train), 2);
  EXPECT_EQ(texts->size(Split::validation), 1);
  EXPECT_EQ(texts->size(Split::test), 3);
  EXPECT_EQ(all_of(*texts, Split::validation).targets.ids(), (Ids{1}));
  EXPECT_EQ(texts->data_bytes(), 6 * (4 + 4 + 8 + 8) + 3 * 8);
}

// 2 MB: looking back at each character would take hours.
TEST_F(LabelledTask, AFileIsReadInOnePass) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += fmt::format("{}\t{}\n", i % 2 == 0 ? "even" : "odd", i);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(task(file("a", text) + no_splits)->size(Split::train), 200000);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 20);  // half a second, and slow machines are not that slow
}

// What ids mean is decided once: later data may have other words and labels, or lack some.
TEST_F(LabelledTask, ARunKeepsItsVocabularyAndLabels) {
  const auto again = [&](const std::string& keys) {
    write_bytes(folder.path / "run" / "config.yaml", "task: {name: labelled, " + keys + "}\n");
    return std::move(read_run_config<TaskConfig>(folder.path / "run").task);
  };
  fs::create_directory(folder.path / "run");
  const std::string keys = file("a", "x\tb b a\ny\tb a\nz\tc c\n") + no_splits;
  const auto texts = task(keys);
  texts->save(folder.path / "run");
  EXPECT_EQ(bytes_of_file(folder.path / "run" / "labels.json"),
            "{\"special\": [],\n\"symbols\": [\n  \"x\",\n  \"y\",\n  \"z\"]}\n");
  file("a", "z\ta d d\nz\tc\n");
  const auto later = again(keys);
  EXPECT_EQ(later->sizes().vocab_size, 4);
  EXPECT_EQ(later->sizes().classes, 3);
  EXPECT_EQ(row_of(all_of(*later, Split::train).inputs, 1), (Ids{2, 0, 0}));
  EXPECT_EQ(all_of(*later, Split::train).targets.ids(), (Ids{2, 2}));
  file("a", "new\ta\n");
  EXPECT_EQ(without_folder(error_of([&] { again(keys); })),
            "run/config.yaml:1:30: task.path: a:1: no training example has the label 'new'");

  // The same with a tokenizer's file, which may be gone.
  const std::string_view letters = "cab ";
  write_bytes(folder.path / "t.json", characters_tokenizer(std::span(&letters, 1))->json());
  const std::string with_file =
      file("a", "x\ta\ny\tb\n") + no_splits + ", tokenizer: " + (folder.path / "t.json").string();
  task(with_file)->save(folder.path / "run");
  EXPECT_EQ(bytes_of_file(folder.path / "run" / "tokenizer.json"), bytes_of_file(folder.path / "t.json"));
  fs::remove(folder.path / "t.json");
  EXPECT_EQ(row_of(all_of(*again(with_file), Split::train).inputs, 1), (Ids{2}));
  EXPECT_EQ(refusal(with_file),
            "task.tokenizer: 't.json' is none of words, characters and bytes, nor is there such a file");
}

}  // namespace
}  // namespace transformlet
