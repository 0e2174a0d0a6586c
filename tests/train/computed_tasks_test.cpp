// Tasks whose answers can be computed otherwise: sums, recall, parity, brackets, residues.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/train/task_tools.h"

namespace transformlet {
namespace {

constexpr int32_t ignored = CrossEntropyOptions().ignored;

int64_t number(const Ids& digits) {
  int64_t value = 0;
  for (const int32_t digit : digits) value = 10 * value + digit;
  return value;
}

TEST(Addition, TheSumStandsBehindTheSign) {
  for (const std::string order : {"plain", "reversed"}) {
    const auto task = task_of("name: addition, num_digits: 3, order: " + order);
    const Batch batch = task->batch(Split::train, first(200));
    EXPECT_EQ(batch.inputs.shape(), (Shape{200, 11}));
    for (int64_t row = 0; row < 200; ++row) {
      const Ids in = row_of(batch.inputs, row), out = row_of(batch.targets, row);
      EXPECT_EQ(in[3], 10);
      EXPECT_EQ(in[7], 11);
      Ids sum(out.begin() + 7, out.end());
      EXPECT_TRUE(std::equal(sum.begin(), sum.end() - 1, in.begin() + 8)) << "what was written is read";
      if (order == "reversed") std::reverse(sum.begin(), sum.end());
      EXPECT_EQ(number(sum), number({in.begin(), in.begin() + 3}) + number({in.begin() + 4, in.begin() + 7}));
      EXPECT_EQ(std::count(out.begin(), out.end(), ignored), 7);
    }
  }
}

TEST(Recall, TargetsAreTheValuesOfKeys) {
  const auto task = task_of("name: recall, vocab_size: 40, seq_len: 20, num_pairs: 4");
  const Batch batch = task->batch(Split::train, first(100));
  for (int64_t row = 0; row < 100; ++row) {
    const Ids in = row_of(batch.inputs, row), out = row_of(batch.targets, row);
    std::map<int32_t, int32_t> values;
    for (size_t i = 0; i < 8; i += 2) values[in[i]] = in[i + 1];
    EXPECT_EQ(values.size(), 4u);
    std::set<int32_t> asked;
    for (size_t i = 0; i < in.size(); ++i) {
      if (out[i] == ignored) continue;
      EXPECT_GE(i, 8u);
      EXPECT_EQ(out[i], values.at(in[i]));
      EXPECT_GE(out[i], 20);
      EXPECT_LT(in[i], 20);
      asked.insert(in[i]);
    }
    EXPECT_EQ(asked.size(), 4u) << "each key comes again once";
  }
}

TEST(Parity, IsThatOfTheOnes) {
  const Batch all = task_of("name: parity, seq_len: 9")->batch(Split::train, first(50));
  const Batch last = task_of("name: parity, seq_len: 9, at_every_place: false")->batch(Split::train, first(50));
  EXPECT_EQ(all.inputs.ids(), last.inputs.ids());
  for (int64_t row = 0; row < 50; ++row) {
    const Ids in = row_of(all.inputs, row), out = row_of(all.targets, row), one = row_of(last.targets, row);
    for (size_t i = 0; i < in.size(); ++i) {
      EXPECT_EQ(out[i], std::count(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(i) + 1, 1) % 2);
      EXPECT_EQ(one[i], i + 1 == in.size() ? out[i] : ignored);
    }
  }
}

TEST(Dyck, BracketsNestAndStayWithinTheDepth) {
  const auto task = task_of("name: dyck, num_kinds: 3, max_depth: 2, seq_len: 30");
  const Batch batch = task->batch(Split::train, first(100));
  std::set<size_t> depths;
  for (int64_t row = 0; row < 100; ++row) {
    const Ids in = row_of(batch.inputs, row), out = row_of(batch.targets, row);
    EXPECT_EQ(in[0], 0);
    EXPECT_TRUE(std::equal(out.begin(), out.end() - 1, in.begin() + 1));
    Ids open;
    for (const int32_t token : out) {
      if (token <= 3) {
        open.push_back(token);
      } else {
        ASSERT_FALSE(open.empty());
        EXPECT_EQ(token, open.back() + 3);
        open.pop_back();
      }
      depths.insert(open.size());
    }
  }
  EXPECT_EQ(depths, (std::set<size_t>{0, 1, 2}));
}

// 1 + 2 ..., and what stands at the places before the sign of the answers is not asked.
TEST(WindowSum, SumsNeighbours) {
  const auto task = task_of("name: window_sum, length: 5, modulus: 7");
  std::set<int> numbers;
  for (const Split split : {Split::train, Split::validation}) {
    const Batch batch = task->batch(split, first(50));
    for (int64_t row = 0; row < 50; ++row) {
      const Ids in = row_of(batch.inputs, row), out = row_of(batch.targets, row);
      ASSERT_EQ(in.size(), 10u);
      for (size_t i = 0; i < 5; ++i) {
        numbers.insert(in[i]);
        EXPECT_EQ(out[i], ignored);
        EXPECT_EQ(out[5 + i], (in[i] + (i > 0 ? in[i - 1] : 0)) % 7);
        EXPECT_EQ(in[5 + i], i > 0 ? out[4 + i] : 7);
      }
    }
  }
  EXPECT_EQ(numbers, (std::set<int>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(task->sizes().asked_places, 5);
}

TEST(Modular, EveryPairIsInOneSplit) {
  for (const std::string operation : {"add", "subtract", "multiply", "divide", "quadratic"}) {
    const auto task = task_of("name: modular, modulus: 11, train_fraction: 0.4, operation: " + operation);
    std::set<std::pair<int32_t, int32_t>> seen;
    for (const Split split : {Split::train, Split::validation}) {
      const Batch batch = task->batch(split, first(task->size(split)));
      for (int64_t row = 0; row < task->size(split); ++row) {
        const Ids in = row_of(batch.inputs, row), out = row_of(batch.targets, row);
        const int a = in[0], b = in[1], c = out[2];
        EXPECT_EQ(in[2], 11);
        EXPECT_EQ(out[0], ignored);
        EXPECT_EQ(out[1], ignored);
        EXPECT_TRUE(seen.emplace(a, b).second);
        const std::map<std::string, bool> holds = {{"add", c == (a + b) % 11},
                                                   {"subtract", (c + b) % 11 == a},
                                                   {"multiply", c == a * b % 11},
                                                   {"divide", c * b % 11 == a},
                                                   {"quadratic", c == (a * a + a * b + b * b) % 11}};
        EXPECT_TRUE(holds.at(operation)) << a << ' ' << b << ' ' << c;
      }
    }
    EXPECT_EQ(seen.size(), operation == "divide" ? 110u : 121u);
    EXPECT_EQ(task->size(Split::train), operation == "divide" ? 44 : 48);
  }
}

// Of all that are computed when they are asked for.
TEST(ComputedTasks, ExamplesAreFunctionsOfSeedSplitAndPlaceAndSplitsAreDisjoint) {
  for (const std::string keys :
       {"name: addition, num_digits: 2", "name: recall, vocab_size: 12, seq_len: 9, num_pairs: 2",
        "name: parity, seq_len: 10", "name: dyck, num_kinds: 2, max_depth: 2, seq_len: 12"}) {
    SCOPED_TRACE(keys);
    const auto task = task_of(keys), same = task_of(keys), other = task_of(keys, 43);
    const auto row_at = [](const Batch& batch, int64_t place) {
      Ids both = row_of(batch.inputs, place);
      const Ids targets = row_of(batch.targets, place);
      both.insert(both.end(), targets.begin(), targets.end());
      return both;
    };
    const auto row = [&](const Choice<Task>& of, Split split, int64_t place) {
      return row_at(of->batch(split, {place}), 0);
    };
    EXPECT_EQ(row(task, Split::train, 7), row_at(same->batch(Split::train, {9, 7}), 1));
    std::set<Ids> train;
    int same_as_other = 0;
    for (int64_t i = 0; i < 300; ++i) {
      train.insert(row(task, Split::train, i));
      same_as_other += row(task, Split::train, i) == row(other, Split::train, i);
    }
    EXPECT_LT(same_as_other, 30);
    for (int64_t i = 0; i < 100; ++i) EXPECT_FALSE(train.contains(row(task, Split::test, i)));
  }
}

}  // namespace
}  // namespace transformlet
