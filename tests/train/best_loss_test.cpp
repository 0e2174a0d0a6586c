// The loss that a model reaches which knows how a task's examples are drawn, against models made by counting all
// strings that there are.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/train/task_tools.h"
#include "train/evaluation.h"

namespace transformlet {
namespace {

using Distribution = std::map<Ids, double>;  // strings and their probabilities

Batch first_of(const Task& task, int64_t count) { return task.batch(Split::train, first(count)); }

// An example as one string: its first token, then all targets.
Ids text_of(const Batch& batch, int64_t row) {
  const int64_t length = batch.targets.shape()[1];
  Ids text{batch.inputs[row * length]};
  text.insert(text.end(), batch.targets.data() + row * length, batch.targets.data() + (row + 1) * length);
  return text;
}

// The sum of -log p(token | the tokens before), for all but the first: each probability is that of all strings which
// begin so, over that of those which begin as well up to the token.
double loss_by_counting(const Distribution& strings, const Ids& text) {
  std::vector<double> beginning(text.size() + 1);
  for (const auto& [string, probability] : strings) {
    for (size_t length = 0; length <= text.size(); ++length) {
      if (std::equal(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length), string.begin())) {
        beginning[length] += probability;
      }
    }
  }
  double loss = 0;
  for (size_t i = 1; i < text.size(); ++i) loss -= std::log(beginning[i + 1] / beginning[i]);
  return loss;
}

// All that `repeat` may draw, with one token more than the model is given, which is the last target.
Distribution repeated(int32_t vocab_size, int64_t seq_len, int64_t shortest) {
  Distribution strings;
  const int64_t longest = seq_len / 2;
  for (int64_t length = shortest; length <= longest; ++length) {
    const auto count = static_cast<int64_t>(std::pow(vocab_size, length));
    for (int64_t number = 0; number < count; ++number) {
      Ids string;
      int64_t rest = number;
      for (int64_t i = 0; i <= seq_len; ++i, rest /= vocab_size) {
        string.push_back(i < length ? static_cast<int32_t>(rest % vocab_size)
                                    : string[static_cast<size_t>(i - length)]);
      }
      strings[string] += 1.0 / static_cast<double>(count * (longest - shortest + 1));
    }
  }
  return strings;
}

// All that `dyck` may draw behind `text`, which begins with 0.
void add_nested(Distribution& strings, const Ids& text, const Ids& open, double probability, int32_t kinds,
                size_t max_depth, size_t length) {
  if (text.size() == length) {
    strings[text] += probability;
    return;
  }
  const auto go_on = [&](int32_t token, Ids then_open, double share) {
    Ids longer = text;
    longer.push_back(token);
    add_nested(strings, longer, then_open, probability * share, kinds, max_depth, length);
  };
  const double opening = open.empty() ? 1 : open.size() == max_depth ? 0 : 0.5;
  for (int32_t kind = 1; opening > 0 && kind <= kinds; ++kind) {
    Ids deeper = open;
    deeper.push_back(kind);
    go_on(kind, deeper, opening / kinds);
  }
  if (opening < 1) go_on(open.back() + kinds, {open.begin(), open.end() - 1}, 1 - opening);
}

// Each of 50 examples by itself. The sums are of some tens of logarithms, each right to a few times 1e-16.
void expect_as_counted(const std::string& keys, const Distribution& strings) {
  SCOPED_TRACE(keys);
  const auto task = task_of(keys);
  const Batch all = first_of(*task, 50);
  double sum = 0;
  for (int64_t i = 0; i < 50; ++i) {
    const double expected = loss_by_counting(strings, text_of(all, i));
    EXPECT_NEAR(*task->best_loss(task->batch(Split::train, {i})), expected, 1e-12) << i;
    sum += expected;
  }
  EXPECT_NEAR(*task->best_loss(all), sum, 1e-10);
}

TEST(BestLoss, OfRepeatedStringsIsAsCounted) {
  expect_as_counted("name: repeat, vocab_size: 3, seq_len: 12, vary_length: true", repeated(3, 12, 3));
  expect_as_counted("name: repeat, vocab_size: 2, seq_len: 16, vary_length: true", repeated(2, 16, 4));
  expect_as_counted("name: repeat, vocab_size: 9, seq_len: 10, vary_length: true", repeated(9, 10, 2));
  expect_as_counted("name: repeat, vocab_size: 4, seq_len: 10", repeated(4, 10, 5));
}

TEST(BestLoss, OfBracketsIsAsCounted) {
  for (const auto& [kinds, max_depth, length] : {std::tuple(2, 3, 10), {3, 2, 8}, {1, 4, 12}, {4, 1, 8}}) {
    Distribution strings;
    add_nested(strings, {0}, {}, 1.0, kinds, static_cast<size_t>(max_depth), static_cast<size_t>(length) + 1);
    expect_as_counted(fmt::format("name: dyck, num_kinds: {}, max_depth: {}, seq_len: {}", kinds, max_depth, length),
                      strings);
  }
}

// The bits that `dyck` draws on average, in nats, from how deep its strings are likely to be at each place.
double entropy_of_brackets(double kinds, size_t max_depth, int64_t length) {
  std::vector<double> at_depth(max_depth + 2);
  at_depth[0] = 1;
  double entropy = 0;
  for (int64_t i = 0; i < length; ++i) {
    std::vector<double> next(max_depth + 2);
    for (size_t depth = 0; depth <= max_depth; ++depth) {
      const double opening = depth == 0 ? 1 : depth == max_depth ? 0 : 0.5;
      if (opening == 0.5) entropy += at_depth[depth] * std::log(2);
      entropy += at_depth[depth] * opening * std::log(kinds);
      next[depth + 1] += at_depth[depth] * opening;
      if (depth > 0) next[depth - 1] += at_depth[depth] * (1 - opening);
    }
    at_depth = next;
  }
  return entropy;
}

// What is found on examples is, on average, the entropy of all that may be drawn: here of so many strings that the
// splits, which the model does not know, leave the average as it is. The bound is five deviations of the mean.
void expect_mean(const std::string& keys, double entropy) {
  SCOPED_TRACE(keys);
  const auto task = task_of(keys);
  constexpr int64_t count = 10000;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double loss = *task->best_loss(task->batch(Split::train, {i}));
    sum += loss;
    squares += loss * loss;
  }
  const double mean = sum / count, deviation = std::sqrt(std::max(0.0, squares / count - mean * mean) / count);
  EXPECT_NEAR(mean, entropy, 5 * deviation + 1e-12 * entropy);
  EXPECT_LT(deviation, 0.01 * entropy);
}

TEST(BestLoss, IsOnAverageTheEntropy) {
  // So many tokens that none repeats by chance: 5 are free on average behind the first, and one tells which of 5
  // lengths the string has.
  expect_mean("name: repeat, vocab_size: 1000000, seq_len: 16, vary_length: true", 5 * std::log(1e6) + std::log(5));
  expect_mean("name: repeat, vocab_size: 50, seq_len: 12", 5 * std::log(50));
  expect_mean("name: dyck, num_kinds: 2, max_depth: 3, seq_len: 40", entropy_of_brackets(2, 3, 40));
  expect_mean("name: dyck, num_kinds: 5, max_depth: 8, seq_len: 30", entropy_of_brackets(5, 8, 30));
}

// That targets are functions of what is seen is what the tests of the tasks show.
TEST(BestLoss, IsNothingWhereTargetsCanBeComputed) {
  for (const std::string keys :
       {"name: reverse", "name: copy", "name: sort", "name: addition", "name: addition, order: plain", "name: recall",
        "name: parity", "name: parity, at_every_place: false", "name: modular"}) {
    const auto task = task_of(keys);
    EXPECT_EQ(task->best_loss(first_of(*task, 5)), 0.0) << keys;
  }
}

// Of an untrained model, which knows less; and per target, whatever the batches are.
TEST(BestLoss, IsBelowWhatAModelReaches) {
  const std::string text =
      "task: {name: repeat, vocab_size: 20, seq_len: 12, vary_length: true, train_size: 64, val_size: 50, test_size: 0}"
      "\nmodel: {kind: decoder, num_layers: 1, d_model: 16}\ntrain: {batch_size: 16}\n";
  auto config = read_config_text<ExperimentConfig>("c.yaml", text);
  const Experiment experiment(config);
  const Score score = evaluate(*experiment.model, experiment.task, Split::validation, 7);
  ASSERT_TRUE(score.best_loss().has_value());
  EXPECT_LT(*score.best_loss(), score.loss());
  std::vector<int64_t> all = all_examples(experiment.task, Split::validation);
  const double sum = *experiment.task.best_loss(experiment.task.batch(Split::validation, all));
  EXPECT_NEAR(*score.best_loss(), sum / 600, 1e-12);
  EXPECT_EQ(best_loss_note(score), fmt::format(" (at best {:.5g})", sum / 600));
  EXPECT_EQ(best_loss_note({}), "");
}

}  // namespace
}  // namespace transformlet
