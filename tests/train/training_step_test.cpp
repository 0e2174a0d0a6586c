// A batch in micro-batches is the same step as the whole batch, however unequally its targets are spread.
#include "train/training_step.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>

#include "autograd/kernels/buffer.h"
#include "base/random.h"
#include "tests/train/storage_tools.h"
#include "train/config/reader.h"

namespace transformlet {
namespace {

// Example i counts i % 7 of its targets, so some parts of a batch have many times the targets of others; each has a
// length of its own.
struct Uneven : Task {
  static constexpr const char* name = "uneven";
  static constexpr const char* help = "for tests: examples with unequal numbers of targets";

  int64_t seq_len = 8;

  void describe(Fields& field) override { field("seq_len", seq_len, "tokens of an example", at_least(7)); }
  void prepare(uint64_t /*seed*/) override {}
  ModelSizes sizes() const override { return {.vocab_size = 5, .classes = 5, .max_length = seq_len}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split /*split*/) const override { return 64; }

  Batch batch(Split split, const std::vector<int64_t>& examples) const override {
    const Shape shape{static_cast<int64_t>(examples.size()), seq_len};
    std::vector<int32_t> inputs, targets;
    std::vector<int64_t> lengths;
    for (const int64_t example : examples) {
      RandomStream stream(RandomKey(3) / name_of(split) / example);
      lengths.push_back(1 + example % seq_len);
      for (int64_t i = 0; i < seq_len; ++i) {
        inputs.push_back(static_cast<int32_t>(stream.below(5)));
        targets.push_back(i < example % 7 ? static_cast<int32_t>(stream.below(5)) : CrossEntropyOptions().ignored);
      }
    }
    return {.inputs = Tokens(std::move(inputs), shape),
            .targets = Tokens(std::move(targets), shape),
            .mask = Mask::padding(lengths)};
  }
};

const Registered<Task, Uneven> registered;

constexpr const char* text = R"(
task: {name: uneven}
model: {kind: encoder, num_layers: 2, num_heads: 2, d_model: 16, d_ff: 32, dropout: 0.2, input_dropout: 0.1,
        input: embedding, position: learned}
optimizer: {name: adamw, learning_rate: 1.0e-2, weight_decay: 0.1, clip_norm: 0.5}
train: {max_steps: 20, batch_size: 32, dtype: float64}
)";

ExperimentConfig config_with(const std::vector<std::string>& overrides) {
  return read_config_text<ExperimentConfig>("uneven.yaml", text, overrides);
}

struct Outcome {
  std::vector<StepResult> steps;
  std::vector<std::vector<double>> weights;
};

Outcome train(const std::vector<std::string>& overrides, int64_t steps = 4) {
  ExperimentConfig config = config_with(overrides);
  Experiment experiment(config);
  TrainingStep take_step(config, experiment);
  Outcome outcome;
  for (int64_t step = 0; step < steps; ++step) outcome.steps.push_back(take_step(step));
  for (const Tensor& weight : experiment.parameters.tensors()) outcome.weights.push_back(weight.to_vector());
  return outcome;
}

// The largest difference of any two numbers: all of them are of the order of 1.
double difference(const Outcome& a, const Outcome& b) {
  double largest = 0;
  for (size_t i = 0; i < a.steps.size(); ++i) {
    largest = std::max({largest, std::abs(a.steps[i].loss - b.steps[i].loss),
                        std::abs(a.steps[i].gradient_norm - b.steps[i].gradient_norm)});
  }
  for (size_t i = 0; i < a.weights.size(); ++i) {
    for (size_t j = 0; j < a.weights[i].size(); ++j) {
      largest = std::max(largest, std::abs(a.weights[i][j] - b.weights[i][j]));
    }
  }
  return largest;
}

// SGD passes differences of gradients on as they are; Adam divides them by gradients that may be next to nothing.
const std::string sgd = "optimizer={name: sgd, learning_rate: 0.5, momentum: 0.9, clip_norm: 0.5}";

TEST(TrainingStep, MicroBatchesAreTheWholeBatch) {
  const Outcome whole = train({sgd});
  EXPECT_NE(whole.weights, train({sgd}, 3).weights);
  // Sums of the same numbers in another order: some 1e-16 of numbers of the order of 1, a few hundred times.
  for (const char* const parts : {"4", "2", "32", "5", "31"}) {  // the last two cut 32 examples unequally
    EXPECT_LT(difference(whole, train({sgd, std::string("train.micro_batches=") + parts})), 1e-12) << parts;
  }
}

// Files of sequences of unequal lengths: a part of a batch is padded as the whole batch is, or dropout would leave out
// other entries. A task that pads its inputs, with one answer or one at each place; and one that pads sources and
// targets.
class PaddedMicroBatches : public testing::TestWithParam<std::string> {
 protected:
  // 2 to 9 letters, and what is to be said of them in the task's form.
  std::string data() const {
    std::string text;
    RandomStream stream(RandomKey(5));
    for (int i = 0; i < 64; ++i) {
      std::string letters;
      for (int64_t length = 2 + stream.below(8); length > 0; --length)
        letters += static_cast<char>('a' + stream.below(3));
      const bool even = stream.below(2) == 0;
      if (GetParam() == "pairs") text += letters + "\t" + letters.substr(even ? 1 : 0) + "\n";
      if (GetParam() == "texts") text += (even ? "even\t" : "odd\t") + letters + "\n";
      if (GetParam() == "tags") {
        for (const char letter : letters) text += fmt::format("{} {}\n", letter, letter == 'a' ? "A" : "O");
        text += "\n";
      }
    }
    return text;
  }
  std::vector<std::string> overrides(int micro_batches) const {
    write_bytes(folder.path / "data", data());
    const std::string path = "path: " + (folder.path / "data").string() + ", val_fraction: 0, test_fraction: 0}";
    const std::string task = GetParam() == "pairs"  ? "task={name: pairs, "
                             : GetParam() == "tags" ? "task={name: labelled, form: tagging, "
                                                    : "task={name: labelled, tokenizer: characters, ";
    const std::string kind = GetParam() == "pairs"  ? "encoder_decoder, num_layers: 1"
                             : GetParam() == "tags" ? "encoder, num_layers: 2, input: embedding"
                                                    : "classifier, num_layers: 2";
    return {task + path, "model={kind: " + kind + ", num_heads: 2, d_model: 16, d_ff: 32, dropout: 0.2}", sgd,
            fmt::format("train.micro_batches={}", micro_batches)};
  }

  TemporaryFolder folder;
};

TEST_P(PaddedMicroBatches, AreTheWholeBatch) {
  const Outcome whole = train(overrides(1));
  EXPECT_NE(whole.weights, train(overrides(1), 3).weights);
  // As above: the same numbers, summed in another order.
  for (const int parts : {4, 5, 32}) EXPECT_LT(difference(whole, train(overrides(parts))), 1e-12) << parts;
}

// Otherwise the test above would prove nothing: some part's longest sequence is shorter than the batch's.
TEST_P(PaddedMicroBatches, ArePaddedAsTheWholeBatch) {
  ExperimentConfig config = config_with(overrides(4));
  Experiment experiment(config);
  TrainingStep step(config, experiment);
  bool has_shorter = false;
  for (int64_t i = 0; i < 2; ++i) {
    const std::vector<MicroBatch> parts = step.micro_batches(i);
    for (const MicroBatch& part : parts) {
      const Tokens& padded = GetParam() == "pairs" ? part.batch.source : part.batch.inputs;
      const Mask& mask = GetParam() == "pairs" ? part.batch.source_mask : part.batch.mask;
      EXPECT_EQ(part.batch.inputs.shape(), parts[0].batch.inputs.shape());
      EXPECT_EQ(part.batch.source.shape(), parts[0].batch.source.shape());
      has_shorter |= *std::max_element(mask.lengths(), mask.lengths() + 8) < padded.shape()[1];
    }
  }
  EXPECT_TRUE(has_shorter);
}

INSTANTIATE_TEST_SUITE_P(Tasks, PaddedMicroBatches, testing::Values("texts", "tags", "pairs"),
                         [](const auto& info) { return info.param; });

TEST(TrainingStep, MicroBatchesHaveUnequalNumbersOfTargets) {
  ExperimentConfig config = config_with({"train.micro_batches=4"});
  Experiment experiment(config);
  TrainingStep step(config, experiment);
  std::vector<int64_t> counts, first_samples;
  for (const MicroBatch& part : step.micro_batches(0)) {
    EXPECT_EQ(part.batch.inputs.shape(), (Shape{8, 8}));
    counts.push_back(counted_targets(part.batch.targets));
    first_samples.push_back(part.first_sample);
    EXPECT_GT(part.counted_targets, 0);
  }
  EXPECT_EQ(first_samples, (std::vector<int64_t>{0, 8, 16, 24}));
  const auto [fewest, most] = std::ranges::minmax(counts);
  EXPECT_LT(fewest, most) << "the test above would prove nothing";
}

// A part without a single target has a loss of 0, not of 0 / 0.
TEST(TrainingStep, APartMayHaveNoTargets) {
  const Outcome outcome = train({sgd, "train.micro_batches=32"}, 1);  // every seventh example has none
  EXPECT_FALSE(outcome.steps[0].diverged());
}

TEST(TrainingStep, MicroBatchesGiveTheSameBitsWithAnyNumberOfThreads) {
  const int before = omp_get_max_threads();
  std::vector<Outcome> outcomes;
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    outcomes.push_back(train({"train.micro_batches=3", "train.dtype=float32", "model.d_model=72", "model.d_ff=150"}));
  }
  omp_set_num_threads(before);
  EXPECT_EQ(outcomes[0].weights, outcomes[1].weights);
  EXPECT_EQ(outcomes[0].weights, outcomes[2].weights);
}

// What a step needs beside the weights: with batches this large, activations are nearly all of it.
TEST(TrainingStep, MicroBatchesNeedTheMemoryOfOne) {
  const auto peak = [](const std::vector<std::string>& overrides) {
    ExperimentConfig config = config_with(overrides);
    Experiment experiment(config);
    TrainingStep step(config, experiment);
    const int64_t before = pool_statistics().live_bytes;
    int64_t most = 0;
    for (const MicroBatch& part : step.micro_batches(0)) {
      const Tensor loss = step.loss(part, 0);  // all that the backward pass keeps is alive now
      most = std::max(most, pool_statistics().live_bytes - before);
    }
    return std::pair(static_cast<double>(most), estimated_memory(config));
  };
  const auto [whole, whole_estimate] = peak({"task.seq_len=64"});
  const auto [parts, parts_estimate] = peak({"task.seq_len=64", "train.micro_batches=8"});
  const auto [small, small_estimate] = peak({"task.seq_len=64", "train.batch_size=4"});
  EXPECT_NEAR(parts / whole, 1.0 / 8, 0.02);  // a few scalars and masks do not shrink
  EXPECT_NEAR(parts / small, 1.0, 0.01);
  const double largest_parameter = 16 * 64 * 8;  // the table of positions, in bytes
  EXPECT_EQ(parts_estimate - small_estimate, largest_parameter);
  EXPECT_LT(parts_estimate, 0.5 * whole_estimate);
}

TEST(TrainingStep, MoreMicroBatchesThanExamplesAreAnError) {
  const auto error = [](const std::string& override) {
    try {
      config_with({override});
    } catch (const std::exception& refused) {
      return std::string(refused.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error("train.micro_batches=33"),
            "override 'train.micro_batches=33': train.micro_batches: must be at most "
            "batch_size");
  EXPECT_EQ(error("train.micro_batches=0"),
            "override 'train.micro_batches=0': train.micro_batches: must be at least 1, not 0");
}

}  // namespace
}  // namespace transformlet
