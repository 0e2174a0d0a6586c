// Models of labelled sequences: they learn, padding has no effect, parts of a batch are the batch.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/train/labelled_tools.h"
#include "train/evaluation.h"
#include "train/training_step.h"

namespace transformlet {
namespace {

// Texts of 3 to 8 letters of a ... d: "yes" if there is a d. And the same as sentences whose every letter has the tag.
std::string letters(bool tagging) {
  std::string text;
  RandomStream stream(RandomKey(5));
  for (int i = 0; i < 600; ++i) {
    std::string letters;
    for (int64_t length = 3 + stream.below(6); length > 0; --length) {
      letters += static_cast<char>('a' + (stream.below(6) == 0 ? 3 : stream.below(3)));
    }
    const char* const label = letters.find('d') == letters.npos ? "no" : "yes";
    if (!tagging) text += fmt::format("{}\t{}\n", label, letters);
    if (tagging) {
      for (const char letter : letters) text += fmt::format("{} {}\n", letter, label);
      text += "\n";
    }
  }
  return text;
}

class LabelledTraining : public LabelledTask {
 protected:
  ExperimentConfig config(bool tagging, const std::string& model,
                          const std::vector<std::string>& overrides = {}) const {
    const std::string data = "task: {name: labelled, " + file("letters", letters(tagging)) + ", seq_len: 8" +
                             (tagging ? ", form: tagging}" : ", tokenizer: characters}");
    return read_config_text<ExperimentConfig>("letters.yaml",
                                              data + "\nmodel: {" + model +
                                                  ", num_layers: 1, num_heads: 2, d_model: 16}\n"
                                                  "optimizer: {name: adamw, learning_rate: 1.0e-2}\n"
                                                  "train: {max_steps: 150, batch_size: 32}\n",
                                              overrides);
  }
  // Of the test split, whose texts training never sees.
  Score score_after_training(ExperimentConfig config) const {
    Experiment experiment(config);
    TrainingStep take_step(config, experiment);
    for (int64_t step = 0; step < config.train.max_steps; ++step) take_step(step);
    return evaluate(*experiment.model, experiment.task, Split::test, 64);
  }
};

TEST_F(LabelledTraining, EveryKindOfModelLearnsWhatDecides) {
  for (const std::string pooling : {"mean", "cls"}) {
    const Score score = score_after_training(config(false, "kind: classifier, pooling: " + pooling));
    EXPECT_EQ(score.positions, config(false, "kind: classifier").task->size(Split::test));
    EXPECT_GT(score.positions, 30);
    EXPECT_EQ(score.correct, score.positions) << pooling;
  }
  const Score score = score_after_training(config(true, "kind: encoder, input: embedding"));
  EXPECT_GT(score.positions, 150);
  EXPECT_EQ(score.correct, score.positions);
}

// To the bit: nothing of a sequence is computed otherwise beside a longer one.
TEST_F(LabelledTraining, PaddingChangesNothing) {
  for (const std::string position : {"learned", "sinusoidal", "rope", "alibi"}) {
    for (const std::string model : {"kind: classifier, pooling: mean", "kind: classifier, pooling: cls",
                                    "kind: encoder, input: embedding", "kind: encoder, input: one_hot"}) {
      SCOPED_TRACE(model + ", position: " + position);
      ExperimentConfig some = config(model.find("encoder") != model.npos, model + ", position: " + position);
      const Experiment experiment(some);
      const int64_t last = some.task->size(Split::train) - 1;
      const Batch alone = some.task->evaluation_batch(Split::train, {0}),
                  beside = some.task->evaluation_batch(Split::train, {0, last});
      ASSERT_EQ(alone.inputs.shape(), (Shape{1, 3}));
      ASSERT_EQ(beside.inputs.shape(), (Shape{2, 8}));
      const NoRecording off;
      const std::vector<double> a = (*experiment.model)(alone.model_inputs(), Pass::evaluation()).to_vector();
      std::vector<double> b = (*experiment.model)(beside.model_inputs(), Pass::evaluation()).to_vector();
      b.resize(a.size());  // of the first sequence's places, which come first
      EXPECT_EQ(a, b);
    }
  }
}

}  // namespace
}  // namespace transformlet
