// The command line: what a user asks for, and what he gets wrong.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class Usage : public testing::Test {
 protected:
  Usage() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }

  // A run of three steps, with a checkpoint after the first and the last.
  void train_a_little(const std::string& run_name) const {
    const Outcome outcome = run({"train", "small.yaml", "--run", run_name, "train.max_steps=3", "checkpoint.every=1",
                                 "checkpoint.keep_last=2", "checkpoint.keep_best=false"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }

  // The program leaves with the status, says exactly this line, and prints nothing.
  void refuses(const Arguments& arguments, const std::string& message, int status = 2) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, status) << message;
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

TEST_F(Usage, WrongWords) {
  refuses({},
          "transformlet: a command is missing, one of train, evaluate, memories, replay, branch, compare, landscape, "
          "report, describe, gradcheck, find-lr, bench, import, export, generate, reproduce, tokenize (see "
          "transformlet --help)");
  refuses({"tarin"}, "transformlet: The following argument was not expected: tarin (see transformlet --help)");
  refuses({"--bogus"}, "transformlet: The following argument was not expected: --bogus (see transformlet --help)");
  refuses({"train", "small.yaml", "--bogus"},
          "transformlet train: The following argument was not expected: --bogus (see transformlet train --help)");
  refuses({"train"}, "train: give either a config file or --resume RUN");
  refuses({"train", "small.yaml", "--run"},
          "transformlet train: --run: 1 required TEXT missing (see transformlet train --help)");
  refuses({"evaluate"}, "transformlet evaluate: RUN is required (see transformlet evaluate --help)");
  refuses({"gradcheck"}, "gradcheck: give a CONFIG, --op NAME or --all-ops");
  refuses({"gradcheck", "--op"},
          "transformlet gradcheck: --op: 1 required TEXT missing (see transformlet gradcheck --help)");
  EXPECT_EQ(number_of_entries(folder.path), 1u);
}

TEST_F(Usage, WrongRunsToTrain) {
  train_a_little("run");
  const auto before = bits_of(folder.path / "run");
  refuses({"train", "small.yaml", "--run", "run"},
          "run: it exists already, and no run is ever overwritten; name another folder, or resume the run in it");
  refuses({"train", "small.yaml", "--run", "run/"},
          "run: it exists already, and no run is ever overwritten; name another folder, or resume the run in it");
  refuses({"train", "--run", "new", "--resume", "run"}, "train: --run names a new run; it does not go with --resume");
  refuses({"train", "small.yaml", "--resume", "run"}, "override 'small.yaml': an override is key.path=value");
  refuses({"train", "--resume", "nowhere"}, "nowhere: there is no such folder");
  refuses({"train", "--resume", "small.yaml"}, "small.yaml: there is no such folder");
  refuses({"train", "--resume", "."}, ".: it is not the folder of a run: it has no config.yaml");
  refuses({"train", "--resume", "run", "train.max_steps=2"},
          "run: the newest checkpoint is at step 3, past train.max_steps = 2");
  for (const std::string override : {"model.d_model=32", "task.name=sort", "seed=8"}) {
    refuses({"train", "--resume", "run", override, "train.max_steps=9"},
            "train: '" + override +
                "' would make another experiment of the run; seed, task and model can't change on --resume: start a "
                "new run");
  }
  EXPECT_EQ(bits_of(folder.path / "run"), before);
  EXPECT_EQ(bytes_of_file(folder.path / "run" / "config.yaml").find("d_model: 32"), std::string::npos);
}

TEST_F(Usage, WrongThingsToEvaluate) {
  train_a_little("run");
  refuses({"evaluate", "run", "--split", "exam"}, "evaluate: there is no split 'exam'; there are train, val and test");
  for (const std::string checkpoint : {"1", "4", "-1", "03", "newer"}) {
    refuses({"evaluate", "run", "--checkpoint=" + checkpoint},
            "evaluate: run has no checkpoint '" + checkpoint + "'; give newest, best or a saved step");
  }
  refuses({"evaluate", "nowhere"}, "evaluate: nowhere is not the folder of a run (it has no config.yaml)");
  refuses({"evaluate", "small.yaml"}, "evaluate: small.yaml is not the folder of a run (it has no config.yaml)");
  refuses({"evaluate", "run", "task.test_size=0"}, "evaluate: the test split has no examples");
  fs::remove_all(folder.path / "run" / "checkpoints");
  refuses({"evaluate", "run"}, "evaluate: run has no whole checkpoint");
  refuses({"evaluate", "run", "--checkpoint", "best"}, "evaluate: no checkpoint of run has a val/loss");
}

// What `evaluate` says of a line of metrics.
std::string measured_words(const nlohmann::json& metrics) {
  return fmt::format("{}/{} positions right, {}/{} sequences, accuracy {}, loss {} (at best 0)\n",
                     metrics.at("test/correct").get<int>(), metrics.at("test/positions").get<int>(),
                     metrics.at("test/sequences_correct").get<int>(), metrics.at("test/sequences").get<int>(),
                     metrics.at("test/accuracy").get<double>(), metrics.at("test/loss").get<double>());
}

TEST_F(Usage, EvaluateRepeatsWhatTrainingMeasured) {
  train_a_little("run");
  const std::string last = lines_of(metrics_of(folder.path / "run")).back();
  const auto metrics = nlohmann::json::parse(last);
  const Outcome outcome = run({"evaluate", "run"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(metrics.at("test/sequences"), 50);
  EXPECT_EQ(metrics.at("test/sequence_accuracy"), metrics.at("test/sequences_correct").get<int>() / 50.0);
  EXPECT_EQ(metrics.at("test/best_loss"), 0.0);
  EXPECT_EQ(outcome.out, "test at step 3: " + measured_words(metrics));
  const Outcome earlier = run({"evaluate", "run", "--checkpoint", "2", "--split", "train"});
  EXPECT_EQ(earlier.status, 0);
  EXPECT_TRUE(earlier.out.starts_with("train at step 2: ")) << earlier.out;
  EXPECT_NE(earlier.out.find("/1200 positions right"), std::string::npos) << earlier.out;
}

// What training measures is the averages where there are any; both can be asked for.
TEST_F(Usage, EvaluatesAveragedWeightsOrRawOnes) {
  const Outcome trained =
      run({"train", "small.yaml", "--run", "run", "train.max_steps=20", "train.ema_decay=0.9", "evaluate.every=20"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const std::vector<std::string> lines = lines_of(metrics_of(folder.path / "run"));
  const auto test = nlohmann::json::parse(lines.back());
  const auto line = [&](const std::string& note) {
    return fmt::format("test at step 20{}: {}", note, measured_words(test));
  };
  EXPECT_EQ(run({"evaluate", "run"}).out, line(" (averaged weights)"));
  EXPECT_EQ(run({"evaluate", "run", "--weights", "averaged"}).out, line(" (averaged weights)"));
  const Outcome raw = run({"evaluate", "run", "--weights", "raw"});
  EXPECT_TRUE(raw.out.starts_with("test at step 20: ")) << raw.out;
  EXPECT_NE(raw.out, line(""));
  refuses({"evaluate", "run", "--weights", "best"},
          "evaluate: there are no weights 'best'; there are averaged and raw");
  train_a_little("plain");
  refuses({"evaluate", "plain", "--weights", "averaged"},
          "evaluate: the checkpoint of step 3 has no averaged weights; train.ema_decay asks for them");
  const Outcome plain = run({"train", "small.yaml", "--run", "raw", "train.max_steps=20"});
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_EQ(run({"evaluate", "raw"}).out, raw.out) << "averaging changed the weights themselves";
  // A run that has kept none so far begins with its weights as they are; one that keeps none any more forgets them.
  EXPECT_EQ(run({"train", "--resume", "raw", "train.max_steps=25", "train.ema_decay=0.9"}).status, 0);
  EXPECT_TRUE(run({"evaluate", "raw"}).out.starts_with("test at step 25 (averaged weights): "));
  EXPECT_EQ(run({"train", "--resume", "raw", "train.max_steps=30", "train.ema_decay=null"}).status, 0);
  EXPECT_TRUE(run({"evaluate", "raw"}).out.starts_with("test at step 30: "));
}

TEST_F(Usage, HelpAndVersion) {
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("transformlet 0.")) << version.out;
  EXPECT_EQ(lines_of(version.out).size(), 1u);
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const std::string command : {"train", "evaluate", "replay", "branch", "compare", "landscape", "report",
                                    "describe", "gradcheck", "find-lr", "bench", "import", "export", "generate"}) {
    EXPECT_NE(help.out.find("\n  " + command + " "), std::string::npos) << help.out;
    const Outcome own = run({command, "--help"});
    EXPECT_EQ(own.status, 0);
    EXPECT_NE(own.out.find("Usage: transformlet " + command), std::string::npos) << own.out;
    EXPECT_EQ(own.err, "");
  }
}

TEST_F(Usage, Describe) {
  const Outcome all = run({"describe"});
  EXPECT_EQ(all.status, 0);
  EXPECT_EQ(all.err, "");
  for (const std::string key :
       {"task.name", "task.seq_len", "model.num_heads", "optimizer.betas", "optimizer.nesterov",
        "optimizer.adamw_learning_rate", "schedule.warmup_steps", "train.max_steps", "train.micro_batches",
        "train.ema_decay", "evaluate.every", "evaluate.examples", "evaluate.patience", "checkpoint.keep_best"}) {
    EXPECT_NE(all.out.find(key + "  "), std::string::npos) << key;
  }

  const Outcome one = run({"describe", "small.yaml", "model.d_ff=48"});
  EXPECT_EQ(one.status, 0);
  EXPECT_NE(one.out.find("  d_ff: 48\n"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("\nencoder.blocks.1.feed_forward.up.weight  "), std::string::npos) << one.out;
  // Counted by hand: a block has 16 * 48 + 48 + 16 * 16 + 16 for attention, 2 * 16 * 48 + 48 + 16 for feed-forward, and
  // 4 * 16 for norms; embeddings 5 * 16 + 6 * 16; head 16 * 16 + 16 + 2 * 16 + 16 * 5 + 5.
  EXPECT_NE(one.out.find(fmt::format("\n{} parameters in 32 tensors;", 2 * (1088 + 1600 + 64) + 176 + 389)),
            std::string::npos)
      << one.out;
  // Of a step, for each of 32 * 6 tokens and three times, forward and twice as much backward: 2 for each weight of a
  // matrix, and 2 for each column of scores and values of six keys.
  const double weights = 2 * (16 * 48 + 16 * 16 + 2 * 16 * 48) + 16 * 16 + 16 * 5, attention = 2 * 2 * 6 * 16;
  EXPECT_TRUE(one.out.ends_with(fmt::format(" MB, and at most {:.3g} GFLOP of matrix products a step\n",
                                            1e-9 * 3 * 32 * 6 * 2 * (weights + attention))))
      << one.out;

  const Outcome taps = run({"describe", "small.yaml", "--taps"});
  EXPECT_EQ(taps.status, 0);
  EXPECT_EQ(lines_of(taps.out).size(), 2u * 12 + 1);
  EXPECT_NE(taps.out.find("encoder.blocks.1.attention.weights    (batch, 2, 6, 6)\n"), std::string::npos) << taps.out;
  EXPECT_EQ(run({"describe", "--taps"}).err,
            "describe: --taps are those of a config: transformlet describe CONFIG --taps\n");

  const Outcome schema = run({"describe", "--schema"});
  EXPECT_EQ(schema.status, 0);
  const auto json = nlohmann::json::parse(schema.out);
  const auto& experiment = json.at("else");
  EXPECT_EQ(experiment.at("properties").at("seed").at("type"), "integer");
  EXPECT_TRUE(experiment.at("properties").contains("task"));
  EXPECT_FALSE(experiment.at("properties").contains("layer"));
  // A config for gradcheck may name a layer instead.
  EXPECT_EQ(json.at("if"), nlohmann::json::parse(R"({"required": ["layer"]})"));
  const auto& layers = json.at("then").at("properties").at("layer").at("oneOf");
  const auto is_attention = [](const nlohmann::json& layer) {
    return layer.at("properties").at("kind").at("const") == "multihead_attention" &&
           layer.at("properties").contains("cross");
  };
  EXPECT_EQ(std::count_if(layers.begin(), layers.end(), is_attention), 1) << layers.dump();
  EXPECT_EQ(json.at("then").at("required"), nlohmann::json({"layer"}));
  EXPECT_EQ(number_of_entries(folder.path), 1u) << "describing makes nothing";
}

// What a run's folder says of its config is a config that means the same.
TEST_F(Usage, TheResolvedConfigIsAConfig) {
  train_a_little("run");
  const Outcome original = run({"describe", "small.yaml", "train.max_steps=3", "checkpoint.every=1",
                                "checkpoint.keep_last=2", "checkpoint.keep_best=false"});
  const Outcome resolved = run({"describe", "run/config.yaml"});
  EXPECT_EQ(resolved.status, 0);
  EXPECT_EQ(resolved.out, original.out);
}

TEST_F(Usage, RunsAreNumbered) {
  for (const std::string number : {"1", "2"}) {
    const Outcome outcome = run({"train", "small.yaml", "train.max_steps=1"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_TRUE(outcome.out.ends_with("run: runs/small/" + number + "\n")) << outcome.out;
    EXPECT_EQ(fs::read_symlink(folder.path / "runs/small/latest"), number);
  }
  for (const std::string file : {"config.yaml", "environment.json", "metrics.jsonl", "events.jsonl"}) {
    EXPECT_TRUE(fs::is_regular_file(folder.path / "runs/small/latest" / file)) << file;
  }
  for (const std::string& line : lines_of(bytes_of_file(folder.path / "runs/small/1/metrics.jsonl"))) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

}  // namespace
}  // namespace transformlet
