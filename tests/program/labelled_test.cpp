// Labelled sequences in the program: what it says of the data, same bits after a resume, wrong data.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr const char* labelled_config = R"(
seed: 7
task: {name: labelled, path: data.tsv, tokenizer: characters, seq_len: 8, val_fraction: 0.2, test_fraction: 0.1}
model: {kind: classifier, num_layers: 1, num_heads: 2, d_model: 16, dropout: 0.1}
optimizer: {name: adamw, learning_rate: 1.0e-2, weight_decay: 0.1, clip_norm: 1.0}
train: {max_steps: 40, batch_size: 8, log_every: 3}
evaluate: {every: 7}
checkpoint: {every: 10, keep_last: null}
)";

const Arguments tagging = {"task.path=data.conll", "task.form=tagging", "task.tokenizer=words", "model.kind=encoder",
                           "model.input=embedding"};

class LabelledRun : public testing::Test {
 protected:
  LabelledRun() {
    std::string texts, tags;
    for (int i = 0; i < 200; ++i) {
      texts += fmt::format("{}\t{}\n", i % 3 == 0 ? "three" : "other", i * i);
      for (const char digit : fmt::format("{}", i * i))
        tags += fmt::format("{} {}\n", digit, digit % 2 == 0 ? 'E' : 'O');
      tags += '\n';
    }
    write_bytes(folder.path / "data.tsv", texts);
    write_bytes(folder.path / "data.conll", tags);
    write_bytes(folder.path / "labelled.yaml", labelled_config);
  }

  Outcome train(const std::string& run, const Arguments& overrides = {}) const {
    return train_run(folder.path, "labelled.yaml", run, overrides);
  }
  void expect_equal_runs(const std::string& a, const std::string& b) const {
    expect_equal(bits_of(folder.path / a), bits_of(folder.path / b));
  }

  TemporaryFolder folder;
};

TEST_F(LabelledRun, StopsAndThreadsChangeNothing) {
  for (const Arguments& form : {Arguments{}, tagging}) {
    const std::string name = form.empty() ? "texts" : "tags";
    Arguments one = form, three = form;
    one.push_back("train.threads=1");
    three.push_back("train.threads=3");
    train(name, one);
    train(name + "-3", three);
    expect_equal_runs(name, name + "-3");
    for (int later = 20; later <= 40; later += 10)
      fs::remove_all(folder.path / (name + "-3") / "checkpoints" / fmt::format("step-{}", later));
    const Outcome resumed = run_program(folder.path, {"train", "--resume", name + "-3"});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    expect_equal_runs(name, name + "-3");
  }
}

TEST_F(LabelledRun, SaysWhatTheDataIsAndEvaluatesOtherFiles) {
  const Outcome trained = train("run");
  const std::vector<std::string> lines = lines_of(trained.err);
  ASSERT_GE(lines.size(), 4u);
  for (const std::string split : {"train", "val", "test"}) {
    const auto found = std::ranges::find_if(lines, [&](const auto& line) { return line.starts_with(split + ": "); });
    ASSERT_NE(found, lines.end()) << split;
    EXPECT_TRUE(found->ends_with(" characters are not in the vocabulary")) << *found;
  }
  const auto last = nlohmann::json::parse(lines_of(metrics_of(folder.path / "run")).back());
  const Outcome same = run_program(folder.path, {"evaluate", "run"});
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_NE(same.out.find(fmt::format(" {}/{} positions right", last.at("test/correct").get<int>(),
                                      last.at("test/positions").get<int>())),
            std::string::npos)
      << same.out;

  write_bytes(folder.path / "new.tsv", "three\t9x9\n");
  const Outcome other = run_program(folder.path, {"evaluate", "run", "task.test_path=new.tsv"});
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_EQ(other.err, "test: 1 texts, 100.0 % three; 1 of 3 characters are not in the vocabulary\n");
  write_bytes(folder.path / "new.tsv", "four\t99\n");
  const Outcome refused = run_program(folder.path, {"evaluate", "run", "task.test_path=new.tsv"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("new.tsv:1: no training example has the label 'four'"), std::string::npos) << refused.err;
}

TEST_F(LabelledRun, WrongDataIsRefusedBeforeAnythingIsMade) {
  const auto refuses = [&](const std::string& path, const std::string& bytes, const Arguments& overrides,
                           const std::string& message) {
    write_bytes(folder.path / path, bytes);
    const size_t entries = number_of_entries(folder.path);
    Arguments arguments = {"train", "labelled.yaml"};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const Outcome outcome = run_program(folder.path, arguments);
    EXPECT_EQ(outcome.status, 2) << message;
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(number_of_entries(folder.path), entries);
  };
  const std::string path = "labelled.yaml:3:30: task.path: ";
  refuses("data.tsv", "", {}, path + "data.tsv: the file is empty");
  refuses("data.tsv", "a\tb\nc d\n", {}, path + "data.tsv:2: there is no TAB; a line is label<TAB>text");
  refuses("data.tsv", "a\tb\n\td\n", {}, path + "data.tsv:2: the label is empty");
  refuses("data.tsv", "a\tb\nc\t\xe9\n", {}, path + "data.tsv:2:3: byte 0xe9 is not UTF-8 text");
  refuses("data.tsv", "a\tb\na\tc\n", {"task.val_fraction=0", "task.test_fraction=0"},
          path + "data.tsv: every training example has the label 'a': there is nothing to learn");
  refuses("data.tsv", "a\tb\nc\td\n", {"task.val_fraction=1.0e-9"},
          "override 'task.val_fraction=1.0e-9': task.val_fraction: data.tsv: of its 2 examples none falls into the "
          "val split");
  refuses("val.tsv", "z\tb\n", {"task.val_path=val.tsv", "task.test_fraction=0"},
          path + "val.tsv:1: no training example has the label 'z'");
  refuses("data.tsv", "a\t0123456789\nc\td\n", {"task.val_fraction=0", "task.test_fraction=0"},
          "labelled.yaml:3:72: task.seq_len: data.tsv:1: here are 10 characters, more than 8; the longest is of 10 "
          "(data.tsv:1)");
  Arguments tags = tagging;
  tags[0] = "task.path=one.conll";
  refuses("one.conll", "a X\nb\n", tags,
          "override 'task.path=one.conll': task.path: one.conll:2: there is one column; a line is a token and its tag");
}

// What the models are: one answer to a sequence, or one at each place.
TEST_F(LabelledRun, TheModelHasToFitTheForm) {
  const Outcome places = run_program(folder.path, {"train", "labelled.yaml", "model.kind=encoder"});
  EXPECT_EQ(places.status, 2);
  EXPECT_EQ(places.err,
            "labelled.yaml:4:8: model: answers at each place, and this task asks for one answer to a sequence\n");
  Arguments words = {"train", "labelled.yaml"};
  words.insert(words.end(), tagging.begin(), tagging.begin() + 3);
  const Outcome whole = run_program(folder.path, words);
  EXPECT_EQ(whole.status, 2);
  EXPECT_EQ(whole.err,
            "labelled.yaml:4:8: model: gives one answer to a sequence, and this task asks for one at each place\n");
}

}  // namespace
}  // namespace transformlet
