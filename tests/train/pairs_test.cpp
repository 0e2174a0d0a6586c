// The task of pairs: what is read from the file, how it is batched, and what is said of files that won't do.
#include <gtest/gtest.h>

#include <set>

#include "tests/train/task_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;
constexpr int32_t ignored = CrossEntropyOptions().ignored;

class PairsTask : public FileTask {
 protected:
  PairsTask() : FileTask("pairs") {}

  std::string all_for_training(const std::string& text) const {
    return file("pairs", text) + ", val_fraction: 0, test_fraction: 0";
  }
};

// Ids are in the order of code points: a 0, b 1, é 2; the end 0, then BA 1, TA 2.
TEST_F(PairsTask, PadsSourcesAndTargetsApart) {
  const auto pairs = task(all_for_training("\xef\xbb\xbf"
                                           "ab\tBA TA\né\tTA\r\n") +
                          ", target_symbols: words");
  const ModelSizes sizes = pairs->sizes();
  EXPECT_EQ(sizes.source_vocab_size, 3);
  EXPECT_EQ(sizes.source_max_length, 2);
  EXPECT_EQ(sizes.vocab_size, 3);
  EXPECT_EQ(sizes.classes, 3);
  EXPECT_EQ(sizes.max_length, 3);
  const Batch batch = pairs->batch(Split::train, {1, 0});
  EXPECT_EQ(batch.source.ids(), (Ids{2, 0, 0, 1}));
  EXPECT_EQ(batch.source_mask.lengths()[0], 1);
  EXPECT_EQ(batch.source_mask.lengths()[1], 2);
  EXPECT_EQ(batch.inputs.shape(), (Shape{2, 3}));
  EXPECT_EQ(batch.inputs.ids(), (Ids{0, 2, 0, 0, 1, 2}));
  EXPECT_EQ(batch.targets.ids(), (Ids{2, 0, ignored, 1, 2, 0}));
  EXPECT_EQ(pairs->length(0), 4);
  EXPECT_EQ(pairs->length(1), 2);
}

TEST_F(PairsTask, ReadsPromptsAndWritesTargets) {
  const auto pairs = task(all_for_training("ab\tBA TA\né\tTA\n") + ", target_symbols: words, source_len: 4");
  const SourceToTarget& words = *pairs->source_to_target();
  EXPECT_EQ(words.source_ids("éab"), (Ids{2, 0, 1}));
  EXPECT_EQ(words.target_text({1, 2, 2}), "BA TA TA");
  EXPECT_EQ(words.target_text({}), "");
  EXPECT_EQ(error_of([&] { words.source_ids("abc"); }), "'c' is not in the vocabulary");
  EXPECT_EQ(error_of([&] { words.source_ids(""); }), "the source is empty");
  EXPECT_EQ(error_of([&] { words.source_ids("ababa"); }), "the source has 5 symbols, and source_len is 4");
  EXPECT_EQ(error_of([&] { words.source_ids("a\xff"); }), "byte 0xff is not UTF-8 text");
  const auto letters = task(all_for_training("a b\txy\n") + ", source_symbols: words");
  EXPECT_EQ(letters->source_to_target()->source_ids("b  a"), (Ids{1, 0}));
  EXPECT_EQ(letters->source_to_target()->target_text({1, 2, 2}), "xyy");
}

// A source's targets count together, wherever they stand; the same pair twice counts once.
TEST_F(PairsTask, CollectsTheTargetsOfASource) {
  const auto pairs = task(all_for_training("a\tx\nb\ty\na\tyy\na\tx\n"));
  ASSERT_EQ(pairs->size(Split::train), 3);
  const SourceToTarget& sources = *pairs->source_to_target();
  EXPECT_EQ(sources.references(Split::train, 0), (std::vector<Ids>{{1}, {2, 2}}));
  EXPECT_EQ(sources.references(Split::train, 1), (std::vector<Ids>{}));
  EXPECT_EQ(sources.references(Split::train, 2), (std::vector<Ids>{{2}}));
}

std::string numbers(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += fmt::format("{}\t{}\n{}\t{}\n", i, i, i, i + 1);
  return text;
}

std::set<Ids> sources_of(const Task& task, Split split) {
  std::set<Ids> sources;
  for (int64_t i = 0; i < task.size(split); ++i) sources.insert(task.batch(split, {i}).source.ids());
  return sources;
}

// Shares are kept to four deviations, and what else is in the file changes nothing.
TEST_F(PairsTask, ASourceBelongsToOneSplit) {
  const std::string keys = ", val_fraction: 0.2, test_fraction: 0.1";
  const auto pairs = task(file("pairs", numbers(0, 2000)) + keys);
  const auto train = sources_of(*pairs, Split::train), val = sources_of(*pairs, Split::validation),
             test = sources_of(*pairs, Split::test);
  EXPECT_EQ(train.size() + val.size() + test.size(), 2000u);
  std::set<Ids> all = train;
  all.insert(val.begin(), val.end());
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all.size(), 2000u);
  EXPECT_NEAR(static_cast<double>(val.size()), 400, 4 * 18);
  EXPECT_NEAR(static_cast<double>(test.size()), 200, 4 * 14);
  EXPECT_EQ(pairs->size(Split::test), 2 * static_cast<int64_t>(test.size()));

  const auto half = task(file("half", numbers(1000, 2000)) + keys);
  for (const Ids& source : sources_of(*half, Split::test)) EXPECT_TRUE(test.contains(source));
}

TEST_F(PairsTask, ARunKeepsItsVocabularies) {
  const std::string keys = all_for_training("b\tx\n");
  fs::create_directory(folder.path / "run");
  task(keys)->save(folder.path / "run");
  write_bytes(folder.path / "run" / "config.yaml", "task: {name: pairs, " + keys + "}\n");
  write_bytes(folder.path / "pairs", "b\tx\nb\tx\n");
  EXPECT_EQ(read_run_config<TaskConfig>(folder.path / "run").task->sizes().source_vocab_size, 1);
  write_bytes(folder.path / "pairs", "ab\tx\n");
  EXPECT_NE(error_of([&] { read_run_config<TaskConfig>(folder.path / "run"); }).find("'a' is not in the vocabulary"),
            std::string::npos);
}

TEST_F(PairsTask, SaysWhatIsWrong) {
  EXPECT_EQ(refusal("source_len: 2"), "task.path: required key is missing");
  EXPECT_EQ(refusal("path: " + (folder.path / "none").string()), "task.path: none: there is no such file");
  EXPECT_EQ(refusal(file("empty", "")), "task.path: empty: the file is empty");
  fs::create_directory(folder.path / "folder");
  write_bytes(folder.path / "folder" / "pairs", "a\tb\n");
  EXPECT_EQ(refusal("path: " + (folder.path / "folder").string()), "task.path: folder: is a folder, not a file");
  EXPECT_EQ(refusal(all_for_training("a\tb\nab\n")),
            "task.path: pairs:2: there is no TAB between a source and a target");
  EXPECT_EQ(refusal(all_for_training("a\tb\n\nb\ta\n")),
            "task.path: pairs:2: there is no TAB between a source and a target");
  EXPECT_EQ(refusal(all_for_training("a\tb\tc\n")), "task.path: pairs:1: there is more than one TAB");
  EXPECT_EQ(refusal(all_for_training("a\tb\n\tb\n")), "task.path: pairs:2: the source is empty");
  EXPECT_EQ(refusal(all_for_training("a\t \n") + ", target_symbols: words"), "task.path: pairs:1: the target is empty");
  EXPECT_EQ(refusal(all_for_training("a\tb\nM\xfcn\tb\n")), "task.path: pairs:2: byte 0xfc is not UTF-8 text");
  EXPECT_EQ(refusal(all_for_training("a\tb\nabc\tb\n") + ", source_len: 2"),
            "task.path: pairs:2: the source has 3 symbols, and source_len is 2");
  EXPECT_EQ(refusal(all_for_training("a\tbbb\n") + ", target_len: 2"),
            "task.path: pairs:1: the target has 3 symbols, and target_len is 2");
  EXPECT_EQ(refusal(file("one", "a\tb\n") + ", val_fraction: 0, test_fraction: 0.001"),
            "task.path: one: of its 1 sources none falls into the test split");
  EXPECT_EQ(refusal(file("one", "a\tb\n") + ", val_fraction: 0.5, test_fraction: 0.5"),
            "task.val_fraction: with test_fraction leaves nothing to train on");
}

// Each epoch takes every example once, in batches of about one length whose own order has nothing to do with it.
TEST(DataOrder, ByLengthLittleIsPadded) {
  constexpr int64_t size = 10000, batch_size = 10;
  const auto length = [](int64_t example) { return example % 50; };
  DataOrder order(1, size, batch_size, Sampling::epochs_by_length, length);
  DataOrder later(1, size, batch_size, Sampling::epochs_by_length, length);
  std::set<int64_t> seen;
  int64_t padded = 0, longer_than_before = 0, before = 0;
  for (int64_t step = 0; step < size / batch_size; ++step) {
    const std::vector<int64_t> batch = order.examples(step);
    seen.insert(batch.begin(), batch.end());
    int64_t longest = 0, sum = 0;
    for (const int64_t example : batch) {
      longest = std::max(longest, length(example));
      sum += length(example);
    }
    padded += batch_size * longest - sum;
    longer_than_before += longest > before;
    before = longest;
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(size));
  // 640 examples of a pool have 50 lengths: a batch spans one or two. Batches at random would pad 200,000 tokens.
  EXPECT_LT(padded, size);
  EXPECT_NEAR(static_cast<double>(longer_than_before), 500, 100);
  EXPECT_EQ(later.examples(1234), order.examples(1234));
  EXPECT_NE(order.examples(0), order.examples(1000));
  // What fills no batch is left out whatever its length.
  DataOrder uneven(1, 15, batch_size, Sampling::epochs_by_length, length);
  std::set<int64_t> drawn;
  for (int64_t step = 0; step < 40; ++step) {
    for (const int64_t example : uneven.examples(step)) drawn.insert(example);
  }
  EXPECT_EQ(drawn.size(), 15u);
}

}  // namespace
}  // namespace transformlet
