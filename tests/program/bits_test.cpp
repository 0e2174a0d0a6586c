// Same seed, same bits: from run to run, with any number of threads, and for a run that was stopped or killed anywhere
// and resumed, in float32 and float64.
#include <gtest/gtest.h>
#include <signal.h>

#include <random>
#include <thread>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class Bits : public testing::TestWithParam<std::string> {
 protected:
  Bits() {
    write_bytes(folder.path / "small.yaml", small_config);
    dtype = "train.dtype=" + GetParam();
  }

  // A whole run, never stopped.
  std::map<std::string, std::string> bits_of_run(const std::string& name, const Arguments& overrides = {}) {
    Arguments arguments = {"train", "small.yaml", "--run", name, dtype};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome = run_program(folder.path, arguments);
    seconds_of_run = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return bits_of(run_path(name));
  }

  fs::path run_path(const std::string& name) const { return folder.path / name; }

  // Trains to the end, but after a time of up to a whole run, each time another, the program gets the signal; then it
  // is resumed. Returns how often that happened to a run with a folder of its own.
  int train_with_interruptions(const std::string& name, int signal, const Arguments& overrides, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> delay(0, seconds_of_run);
    int interruptions = 0;
    for (int attempt = 0; attempt < 200; ++attempt) {
      // Killed before it has written down its config, a run is none, and is begun again.
      const bool begun = fs::exists(run_path(name) / "config.yaml");
      if (!begun) fs::remove_all(run_path(name));
      Arguments arguments = {"train", "small.yaml", "--run", name, dtype};
      arguments.insert(arguments.end(), overrides.begin(), overrides.end());
      if (begun) arguments = {"train", "--resume", name};
      RunningProgram program(folder.path, arguments);
      // After many attempts it is left alone: a busy machine may never reach the next checkpoint in this time.
      if (attempt < 12) {
        std::this_thread::sleep_for(std::chrono::duration<double>(delay(random)));
        program.signal(signal);
      }
      const Outcome outcome = program.wait();
      if (outcome.status == 0) return interruptions;
      // Before the program has asked for signals, they end it.
      EXPECT_TRUE(outcome.status == -signal || (signal != SIGKILL && outcome.status == 128 + signal)) << outcome.err;
      if (outcome.status == 128 + signal) {
        EXPECT_NE(outcome.err.find("; go on with: transformlet train --resume " + name + "\n"), std::string::npos)
            << outcome.err;
      }
      if (fs::exists(run_path(name) / "config.yaml")) ++interruptions;
    }
    ADD_FAILURE() << "it never ends";
    return interruptions;
  }

  // A run that was stopped by a signal saved checkpoints of its own on the way. All else is as in the whole one.
  static void expect_as_whole(std::map<std::string, std::string> stopped,
                              const std::map<std::string, std::string>& whole) {
    std::erase_if(stopped, [&](const auto& file) { return !whole.contains(file.first); });
    expect_equal(stopped, whole);
  }

  // Only those whose names contain the text.
  static std::map<std::string, std::string> only(std::map<std::string, std::string> bits, const std::string& text) {
    std::erase_if(bits, [&](const auto& file) { return file.first.find(text) == std::string::npos; });
    return bits;
  }

  TemporaryFolder folder;
  std::string dtype;
  double seconds_of_run = 0;
};

INSTANTIATE_TEST_SUITE_P(Types, Bits, testing::Values("float32", "float64"),
                         [](const auto& info) { return info.param; });

TEST_P(Bits, TwoRunsAreEqual) {
  const auto a = bits_of_run("a");
  EXPECT_EQ(a.size(), 6 * 3 + 2u);  // weights, optimizer and state.json of six checkpoints, the metrics, the hashes
  EXPECT_EQ(lines_of(a.at("metrics.jsonl")).size(), 20 + 6 + 1u);  // two evaluations are on logged steps, and the test
  expect_equal(a, bits_of_run("b"));
}

TEST_P(Bits, AnyNumberOfThreads) {
  const auto one = bits_of_run("one", {"train.threads=1"});
  expect_equal(one, bits_of_run("two", {"train.threads=2"}));
  expect_equal(one, bits_of_run("five", {"train.threads=5"}));
}

// Wide enough for kernels to work in parallel: the small model's are not.
TEST_P(Bits, AnyNumberOfThreadsOfALargerModel) {
  const Arguments larger = {"model.d_model=72",  "model.d_ff=150",      "model.num_heads=3", "task.seq_len=19",
                            "train.max_steps=8", "task.train_size=256", "task.val_size=64",  "task.test_size=64",
                            "evaluate.every=4",  "train.batch_size=64", "train.log_every=1", "checkpoint.every=4"};
  const auto with_threads = [&](const std::string& threads) {
    Arguments overrides = larger;
    overrides.push_back("train.threads=" + threads);
    return bits_of_run(threads, overrides);
  };
  const auto one = with_threads("1");
  for (const std::string threads : {"2", "3"}) expect_equal(one, with_threads(threads));
}

// A decoder, with its own dropout and with parallel kernels, and blocks that are computed again in the backward pass.
TEST_P(Bits, RecomputingAndThreadsChangeNothing) {
  for (const std::string model :
       {"model.d_model=72", "model={kind: decoder, num_heads: 3, d_model: 72, dropout: 0.1}"}) {
    SCOPED_TRACE(model);
    const auto run = [&](const std::string& name, const std::string& threads, const std::string& recompute) {
      const std::string heads = "model.num_heads=3";
      return bits_of_run(
          name + std::to_string(model.size()),
          {model, heads, "task.seq_len=19", "train.max_steps=8", "evaluate.every=4", "checkpoint.every=4",
           "train.log_every=1", "train.threads=" + threads, "train.recompute=" + recompute});
    };
    const auto kept = run("kept", "1", "false");
    expect_equal(kept, run("again", "1", "true"));
    expect_equal(kept, run("threads", "3", "true"));
  }
}

// Micro-batches are other sums than those of the whole batch, but they too are the same sums each time.
TEST_P(Bits, MicroBatches) {
  const Arguments micro = {"train.micro_batches=5", "train.threads=1"};
  const auto one = bits_of_run("one", micro);
  expect_equal(one, bits_of_run("two", {"train.micro_batches=5", "train.threads=2"}));
  for (const int step : {60, 50, 40}) {
    fs::remove_all(run_path("one") / "checkpoints" / fmt::format("step-{}", step));
  }
  const Outcome resumed = run_program(folder.path, {"train", "--resume", "one"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(lines_of(resumed.err).front(), "resuming one after step 30");
  expect_equal(bits_of(run_path("one")), one);
}

// Averages only look on, and come back with the rest.
TEST_P(Bits, AveragedWeights) {
  const Arguments averaging = {"train.ema_decay=0.9", "train.threads=1"};
  const auto whole = bits_of_run("one", averaging);
  EXPECT_TRUE(whole.contains("step-60/averaged_weights.safetensors"));
  EXPECT_NE(whole.at("step-60/averaged_weights.safetensors"), whole.at("step-60/weights.safetensors"));
  EXPECT_EQ(whole.at("step-60/weights.safetensors"), bits_of_run("plain").at("step-60/weights.safetensors"));
  expect_equal(whole, bits_of_run("two", {"train.ema_decay=0.9", "train.threads=2"}));
  for (int step = 50; step >= 0; step -= 10) {
    for (int later = step + 10; later <= 60; later += 10) {
      fs::remove_all(run_path("one") / "checkpoints" / fmt::format("step-{}", later));
    }
    EXPECT_EQ(run_program(folder.path, {"train", "--resume", "one"}).status, 0);
    expect_equal(bits_of(run_path("one")), whole);
  }
}

TEST_P(Bits, EverySeedIsAnother) {
  const auto a = bits_of_run("a"), b = bits_of_run("b", {"seed=8"});
  for (const auto& [name, bytes] : a) EXPECT_NE(bytes, b.at(name)) << name;
}

// What a setting changes, and what it must not: evaluating more often only looks.
TEST_P(Bits, LookingChangesNothing) {
  const auto a = only(bits_of_run("a"), ".safetensors");
  expect_equal(a,
               only(bits_of_run("b", {"evaluate.every=1", "train.log_every=1", "task.test_size=7"}), ".safetensors"));
}

TEST_P(Bits, StoppedAnywhereAndResumed) {
  const auto whole = bits_of_run("whole");
  int interruptions = 0;
  for (unsigned seed = 0; seed < 30 && interruptions < 6; ++seed) {
    const std::string name = fmt::format("run-{}", seed);
    interruptions += train_with_interruptions(name, seed % 2 == 0 ? SIGTERM : SIGINT, {}, seed);
    expect_as_whole(bits_of(run_path(name)), whole);
  }
  EXPECT_GE(interruptions, 6);
}

TEST_P(Bits, KilledAnywhereAndResumed) {
  const Arguments often = {"checkpoint.every=4"};
  const auto whole = bits_of_run("whole", often);
  int interruptions = 0;
  for (unsigned seed = 0; seed < 30 && interruptions < 6; ++seed) {
    const std::string name = fmt::format("run-{}", seed);
    interruptions += train_with_interruptions(name, SIGKILL, often, seed);
    expect_equal(bits_of(run_path(name)), whole);
  }
  EXPECT_GE(interruptions, 6);
}

// At moments that are known: from before the first step to after the last.
TEST_P(Bits, KilledWithinALineOfMetrics) {
  const auto whole = bits_of_run("whole");
  for (const size_t lines : {1, 5, 12, 20}) {
    const std::string name = fmt::format("run-{}", lines);
    RunningProgram program(folder.path, {"train", "small.yaml", "--run", name, dtype});
    ASSERT_TRUE(becomes_true([&] { return lines_of(metrics_of(run_path(name))).size() >= lines; }));
    program.signal(SIGKILL);
    program.wait();
    const fs::path metrics = run_path(name) / "metrics.jsonl";
    write_bytes(metrics, bytes_of_file(metrics) + "{\"step\": 99, \"train/lo");
    const Outcome resumed = run_program(folder.path, {"train", "--resume", name});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    expect_equal(bits_of(run_path(name)), whole);
  }
}

// The bits of an optimiser with a state of its own come back, too; and without any checkpoint, all begins anew.
TEST_P(Bits, ResumedFromEveryCheckpoint) {
  for (const auto& [name, optimizer] :
       {std::pair("sgd", "{name: sgd, learning_rate: 0.05, momentum: 0.9, nesterov: true}"),
        std::pair("lion", "{name: lion, weight_decay: 0.1}"), std::pair("muon", "{name: muon, weight_decay: 0.1}")}) {
    const auto whole = bits_of_run(name, {std::string("optimizer=") + optimizer});
    for (int step = 50; step >= 0; step -= 10) {
      for (int later = step + 10; later <= 60; later += 10) {
        fs::remove_all(run_path(name) / "checkpoints" / fmt::format("step-{}", later));
      }
      const Outcome resumed = run_program(folder.path, {"train", "--resume", name});
      EXPECT_EQ(resumed.status, 0) << resumed.err;
      EXPECT_EQ(lines_of(resumed.err).front(), fmt::format("resuming {} after step {}", name, step));
      expect_equal(bits_of(run_path(name)), whole);
    }
  }
}

}  // namespace
}  // namespace transformlet
