// The task of repeated random strings.
#include <gtest/gtest.h>

#include <set>

#include "tests/tensors.h"
#include "tests/train/task_tools.h"
#include "train/experiment.h"

namespace transformlet {
namespace {

Choice<Task> repeat(const std::string& keys, uint64_t seed = 42) {
  return task_of("name: repeat, " + keys, seed, "repeat");
}

TEST(Repeat, IsAStringTwiceAndItsNextTokens) {
  const auto task = repeat("vocab_size: 50, seq_len: 12");
  const Batch batch = task->batch(Split::train, {3, 99999});
  EXPECT_EQ(batch.inputs.shape(), (Shape{2, 12}));
  EXPECT_TRUE(batch.mask.is_causal());
  EXPECT_EQ(counted_targets(batch.targets), 24);
  for (int64_t row = 0; row < 2; ++row) {
    const Ids inputs = row_of(batch.inputs, row), targets = row_of(batch.targets, row);
    for (size_t i = 0; i < 12; ++i) {
      EXPECT_EQ(inputs[i], inputs[(i + 6) % 12]);
      EXPECT_EQ(targets[i], inputs[(i + 1) % 12]);
    }
  }
}

TEST(Repeat, AnExampleIsAFunctionOfSeedSplitAndPlace) {
  const std::string keys = "vocab_size: 50, seq_len: 12, vary_length: true";
  const auto task = repeat(keys), same = repeat(keys), other = repeat(keys, 43);
  const auto row = [](const Choice<Task>& of, Split split, std::vector<int64_t> places, int64_t at) {
    return row_of(of->batch(split, places).inputs, at);
  };
  const Ids seven = row(task, Split::train, {7}, 0);
  EXPECT_EQ(seven, row(same, Split::train, {9, 7, 8}, 1));
  EXPECT_NE(seven, row(other, Split::train, {7}, 0));
  EXPECT_NE(seven, row(task, Split::train, {8}, 0));
  EXPECT_NE(seven, row(task, Split::test, {7}, 0));
  EXPECT_EQ(task->data_bytes(), 0);
}

// Few strings, so that splits that were drawn without looking would meet.
TEST(Repeat, SplitsAreDisjoint) {
  for (const std::string vary : {"false", "true"}) {
    const auto task = repeat(
        "vocab_size: 5, seq_len: 8, train_size: 10000, val_size: 1000, test_size: 1000, "
        "vary_length: " +
        vary);
    std::set<Ids> seen;
    size_t total = 0;
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      std::set<Ids> rows;
      for (int64_t i = 0; i < task->size(split); ++i) rows.insert(row_of(task->batch(split, {i}).inputs, 0));
      EXPECT_GT(rows.size(), 10u);
      total += rows.size();
      seen.insert(rows.begin(), rows.end());
    }
    EXPECT_EQ(seen.size(), total);
    EXPECT_EQ(total, vary == "false" ? 625u : seen.size());  // of one length: all there are
  }
}

// Each length about equally often.
TEST(Repeat, LengthsVaryFromAQuarterToAHalf) {
  const auto task = repeat("vocab_size: 100000, seq_len: 16, vary_length: true");
  std::map<int64_t, int> lengths;
  for (int64_t i = 0; i < 1000; ++i) {
    const Ids row = row_of(task->batch(Split::train, {i}).inputs, 0);
    int64_t length = 1;
    while (!std::equal(row.begin() + length, row.end(), row.begin())) ++length;
    ++lengths[length];
  }
  EXPECT_EQ(lengths.size(), 5u);
  for (const auto& [length, count] : lengths) {
    EXPECT_TRUE(4 <= length && length <= 8) << length;
    EXPECT_NEAR(count, 200, 4 * std::sqrt(200 * 0.8));
  }
}

TEST(Repeat, SaysThatThereAreTooFewStrings) {
  EXPECT_EQ(error_text([] { repeat("vocab_size: 2, seq_len: 4, vary_length: true"); }),
            "repeat:1:34: task.vocab_size: with this seq_len leaves a split without strings: more tokens or a greater "
            "seq_len help");
  EXPECT_EQ(error_text([] { repeat("vocab_size: 2, seq_len: 5"); }),
            "repeat:1:46: task.seq_len: must be a multiple of 2, not 5");
}

}  // namespace
}  // namespace transformlet
