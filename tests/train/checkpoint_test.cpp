// Checkpoints: what comes back, what is refused, which are kept, and what a crash may do to them.
#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "autograd/ops.h"
#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/restore.h"
#include "train/signals.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// Every value of it tells its step.
Checkpoint example(int64_t step, std::optional<double> val_loss = {}, int64_t size = 100) {
  const auto value = static_cast<double>(step);
  return {
      step,
      {{"encoder.weight", full({size, 10}, value, DType::float32)}, {"encoder.bias", full({3}, value, DType::float32)}},
      {{"adam.m", full({size, 10}, -value, DType::float64)}},
      val_loss,
      {{"step_in_words", fmt::format("step {}", step)}}};
}

bool is_example(const Checkpoint& checkpoint) {
  const auto all_are = [](const Tensor& x, double value) {
    const std::vector<double> values = x.to_vector();
    return std::ranges::all_of(values, [&](double v) { return v == value; });
  };
  const auto value = static_cast<double>(checkpoint.step);
  return checkpoint.weights.size() == 2 && checkpoint.optimizer.size() == 1 &&
         all_are(checkpoint.weights[0].value, value) && all_are(checkpoint.weights[1].value, value) &&
         all_are(checkpoint.optimizer[0].value, -value) &&
         checkpoint.extra.at("step_in_words") == fmt::format("step {}", checkpoint.step);
}

std::vector<int64_t> steps_of(const fs::path& run) {
  std::vector<int64_t> steps;
  for (const StoredCheckpoint& stored : list_checkpoints(run)) steps.push_back(stored.step);
  return steps;
}

class CheckpointTest : public testing::Test {
 protected:
  TemporaryFolder folder;
  fs::path run = folder.path;
};

TEST_F(CheckpointTest, ComesBackAsItWas) {
  const fs::path saved = save_checkpoint(run, example(10, 0.1));
  EXPECT_EQ(saved, run / "checkpoints" / "step-10");
  const Checkpoint back = load_checkpoint(saved);
  EXPECT_EQ(back.step, 10);
  EXPECT_EQ(back.val_loss, 0.1);
  EXPECT_TRUE(is_example(back));
  EXPECT_EQ(load_checkpoint(saved / "").step, 10);
}

TEST_F(CheckpointTest, SameContentsSameBytes) {
  const fs::path a = save_checkpoint(run / "a", example(10, 0.1)), b = save_checkpoint(run / "b", example(10, 0.1));
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "state.json"}) {
    EXPECT_EQ(bytes_of_file(a / name), bytes_of_file(b / name)) << name;
  }
  EXPECT_EQ(number_of_entries(a), 3U);
}

TEST_F(CheckpointTest, AveragedWeightsAreAFileOfTheirOwn) {
  Checkpoint checkpoint = example(10);
  checkpoint.averaged_weights = {{"encoder.bias", full({3}, 0.5, DType::float32)}};
  const fs::path saved = save_checkpoint(run, checkpoint), file = saved / "averaged_weights.safetensors";
  EXPECT_EQ(number_of_entries(saved), 4U);
  const Checkpoint back = load_checkpoint(saved);
  ASSERT_EQ(back.averaged_weights.size(), 1U);
  EXPECT_EQ(back.averaged_weights[0].name, "encoder.bias");
  EXPECT_EQ(back.averaged_weights[0].value.to_vector(), (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_TRUE(is_example(back));
  const std::string whole = bytes_of_file(file);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    write_bytes(file, damaged);
    EXPECT_NE(error_of([&] { load_checkpoint(saved); }), "no error") << at;
  }
  write_bytes(file, whole + "x");
  EXPECT_NE(error_of([&] { load_checkpoint(saved); }), "no error");
  fs::remove(file);
  EXPECT_EQ(error_of([&] { load_checkpoint(saved); }), file.string() + ": cannot be read: No such file or directory");
}

TEST_F(CheckpointTest, NewestIsByNumberNotByName) {
  for (const int64_t step : {9, 10, 100}) save_checkpoint(run, example(step));
  fs::create_directory(run / "checkpoints" / "step-0200");
  fs::create_directory(run / "checkpoints" / "step-300.old");
  fs::create_directory(run / "checkpoints" / ".temporary-step-400");
  EXPECT_EQ(steps_of(run), (std::vector<int64_t>{9, 10, 100}));
  const NewestCheckpoint newest = newest_checkpoint(run);
  EXPECT_EQ(newest.checkpoint->step, 100);
  EXPECT_TRUE(newest.warnings.empty());
  EXPECT_FALSE(newest_checkpoint(run / "none").checkpoint);
}

TEST_F(CheckpointTest, SavingAgainReplaces) {
  save_checkpoint(run, example(10, 0.5));
  save_checkpoint(run, example(10, 0.25));
  EXPECT_EQ(load_checkpoint(run / "checkpoints" / "step-10").val_loss, 0.25);
  EXPECT_EQ(number_of_entries(run / "checkpoints"), 1U);
}

TEST_F(CheckpointTest, LeftoversOfACrashAreRemovedByTheNextSave) {
  fs::create_directories(run / "checkpoints" / ".temporary-step-7");
  write_bytes(run / "checkpoints" / ".temporary-step-7" / "weights.safetensors", "half");
  save_checkpoint(run, example(7));
  EXPECT_EQ(number_of_entries(run / "checkpoints"), 1U);
  EXPECT_TRUE(is_example(load_checkpoint(run / "checkpoints" / "step-7")));
}

TEST_F(CheckpointTest, EveryDamagedByteIsFound) {
  save_checkpoint(run, example(1));
  const fs::path saved = save_checkpoint(run, example(2, 0.5, 3));
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string whole = bytes_of_file(saved / name);
    for (size_t at = 0; at < whole.size(); ++at) {
      if (isspace(static_cast<unsigned char>(whole[at])) && std::string(name) == "state.json") continue;  // no matter
      std::string damaged = whole;
      damaged[at] ^= 1;
      write_bytes(saved / name, damaged);
      EXPECT_NE(error_of([&] { load_checkpoint(saved); }), "no error") << name << " at " << at;
    }
    write_bytes(saved / name, whole.substr(0, whole.size() - 3));
    EXPECT_NE(error_of([&] { load_checkpoint(saved); }), "no error") << name;
    fs::remove(saved / name);
    const NewestCheckpoint newest = newest_checkpoint(run);
    EXPECT_EQ(newest.checkpoint->step, 1);
    EXPECT_EQ(newest.folder, run / "checkpoints" / "step-1");
    ASSERT_EQ(newest.warnings.size(), 1U);
    EXPECT_NE(newest.warnings[0].find(name), std::string::npos) << newest.warnings[0];
    write_bytes(saved / name, whole);
  }
  EXPECT_EQ(newest_checkpoint(run).checkpoint->step, 2);
}

TEST_F(CheckpointTest, AFolderUnderAnotherNumberIsRefused) {
  const fs::path saved = save_checkpoint(run, example(2));
  fs::rename(saved, run / "checkpoints" / "step-3");
  EXPECT_TRUE(error_of([&] { load_checkpoint(run / "checkpoints" / "step-3"); }).ends_with("it holds step 2"));
}

TEST_F(CheckpointTest, PrunesAndPointsToTheBest) {
  const CheckpointConfig config{.every = 1, .powers_of_two = false, .keep_last = 2, .keep_best = true};
  const double losses[] = {9, 3, 5, std::nan(""), 4};
  for (int64_t step = 1; step <= 5; ++step) {
    save_checkpoint(run, example(step, losses[step - 1]));
    prune_checkpoints(run, config);
  }
  EXPECT_EQ(steps_of(run), (std::vector<int64_t>{2, 4, 5}));
  EXPECT_EQ(fs::read_symlink(run / "checkpoints" / "best"), "step-2");
  EXPECT_EQ(best_checkpoint(run)->step, 2);
  EXPECT_EQ(load_checkpoint(run / "checkpoints" / "best").step, 2);

  prune_checkpoints(run, {.every = 1, .powers_of_two = false, .keep_last = 1, .keep_best = false});
  EXPECT_EQ(steps_of(run), (std::vector<int64_t>{5}));
  EXPECT_EQ(fs::read_symlink(run / "checkpoints" / "best"), "step-5");
}

TEST_F(CheckpointTest, ABrokenOneDoesNotCostAWholeOneItsPlace) {
  for (const int64_t step : {1, 2, 3}) save_checkpoint(run, example(step, 1.0));
  fs::remove(run / "checkpoints" / "step-3" / "optimizer.safetensors");
  prune_checkpoints(run, {.every = 1, .powers_of_two = false, .keep_last = 1, .keep_best = false});
  EXPECT_EQ(steps_of(run), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(newest_checkpoint(run).checkpoint->step, 2);
}

// Saves in a loop until it is killed, at another moment each round. Before each save the pipe tells the last whole
// step.
TEST_F(CheckpointTest, AKillAtAnyMomentLeavesTheLastOneWhole) {
  int64_t done = 0;
  for (int round = 0; round < 30; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = start_child([&] {
      for (int64_t step = done + 1;; ++step) {
        save_checkpoint(run, example(step, 1.0 / static_cast<double>(step), 2000));
        if (write(pipe_ends[1], &step, sizeof step) != sizeof step) return 1;
        prune_checkpoints(run, {.every = 1, .powers_of_two = true, .keep_last = 1, .keep_best = true});
        save_checkpoint(run, example(step, 1.0 / static_cast<double>(step), 2000));  // replaces a whole one
      }
    });
    close(pipe_ends[1]);
    int64_t reported = 0;
    if (round % 2 == 0) {
      ASSERT_EQ(read(pipe_ends[0], &reported, sizeof reported), ssize_t{sizeof reported});
    }
    std::this_thread::sleep_for(std::chrono::microseconds(137 * round * round));
    kill(child, SIGKILL);
    EXPECT_EQ(WTERMSIG(wait_for(child)), SIGKILL);
    for (int64_t step = 0; read(pipe_ends[0], &step, sizeof step) == ssize_t{sizeof step};) reported = step;
    close(pipe_ends[0]);

    const NewestCheckpoint newest = newest_checkpoint(run);
    EXPECT_TRUE(newest.warnings.empty()) << newest.warnings[0];
    done = std::max(done, reported);
    if (done == 0) continue;
    ASSERT_TRUE(newest.checkpoint);
    EXPECT_GE(newest.checkpoint->step, done);
    EXPECT_TRUE(is_example(*newest.checkpoint));
    for (const StoredCheckpoint& stored : list_checkpoints(run))
      EXPECT_TRUE(is_example(load_checkpoint(stored.folder)));
    done = newest.checkpoint->step;
  }
  EXPECT_GT(done, 15);
}

TEST_F(CheckpointTest, AFullDiskCostsNoCheckpoint) {
  save_checkpoint(run, example(1));
  EXPECT_EQ(in_child([&] {
              handle_signals();
              const rlimit limit{20'000, 20'000};
              setrlimit(RLIMIT_FSIZE, &limit);
              const std::string error = error_of([&] { save_checkpoint(run, example(2, {}, 10'000)); });
              return error.ends_with("cannot be written: File too large") ? 0 : 1;
            }),
            0);
  EXPECT_EQ(number_of_entries(run / "checkpoints"), 1U);
  EXPECT_EQ(newest_checkpoint(run).checkpoint->step, 1);
}

// ---- which are saved, and which are kept ----

TEST(CheckpointConfig, SaysWhatIsDue) {
  const auto due = [](const CheckpointConfig& config) {
    std::vector<int64_t> steps;
    for (int64_t step = 0; step <= 12; ++step) {
      if (config.is_due(step)) steps.push_back(step);
    }
    return steps;
  };
  CheckpointConfig config;
  config.every = 5;
  EXPECT_EQ(due(config), (std::vector<int64_t>{5, 10}));
  config.powers_of_two = true;
  EXPECT_EQ(due(config), (std::vector<int64_t>{0, 1, 2, 4, 5, 8, 10}));
  config.every.reset();
  EXPECT_EQ(due(config), (std::vector<int64_t>{0, 1, 2, 4, 8}));
}

TEST(CheckpointConfig, SaysWhatMayGo) {
  using Steps = std::vector<int64_t>;
  CheckpointConfig config{.every = 5, .powers_of_two = false, .keep_last = 2, .keep_best = true};
  EXPECT_EQ(config.to_delete({20, 5, 15, 8, 10}, 8), (Steps{5, 10}));
  EXPECT_EQ(config.to_delete({5}, {}), Steps{});
  config.keep_best = false;
  EXPECT_EQ(config.to_delete({20, 5, 15, 8, 10}, 8), (Steps{5, 8, 10}));
  config.powers_of_two = true;
  EXPECT_EQ(config.to_delete({0, 1, 5, 8, 10, 15, 20}, {}), (Steps{5, 10}));
  config.keep_last.reset();
  EXPECT_EQ(config.to_delete({5, 10, 15, 20}, {}), Steps{});
}

TEST(CheckpointConfig, IsReadFromYaml) {
  const auto config = read_config_text<CheckpointConfig>("c.yaml", "{every: 390, keep_last: null}");
  EXPECT_EQ(config.every, 390);
  EXPECT_FALSE(config.keep_last);
  EXPECT_EQ(write_config(config), "every: 390\npowers_of_two: false\nkeep_last: null\nkeep_best: true\n");
}

// ---- putting values back ----

TEST(Restore, WritesThroughTheSameMemory) {
  std::vector<NamedTensor> model = {{"w", leaf(zeros({2}, DType::float32), "w")}};
  const Tensor w = model[0].value;
  restore({{"w", tensor({1, 2}, {2}, DType::float32)}}, model);
  EXPECT_EQ(w.to_vector(), (std::vector<double>{1, 2}));
}

TEST(Restore, ListsAllThatDoesNotFit) {
  std::vector<NamedTensor> model = {{"a", zeros({2, 3}, DType::float32)},
                                    {"b", zeros({2}, DType::float32)},
                                    {"c", zeros({2}, DType::float32)},
                                    {"d", zeros({2}, DType::float32)}};
  const std::vector<NamedTensor> stored = {{"b", full({3}, 1, DType::float32)},
                                           {"c", full({2}, 1, DType::float64)},
                                           {"d", full({2}, 1, DType::float32)},
                                           {"e", full({}, 1, DType::float32)}};
  EXPECT_EQ(error_of([&] { restore(stored, model); }),
            "the stored tensors do not fit: missing: a (2, 3) float32; unexpected: e () float32; of another shape or "
            "dtype: b (3) float32, but (2) float32 is wanted, c (2) float64, but (2) float32 is wanted");
  EXPECT_EQ(model[3].value.to_vector(), (std::vector<double>{0, 0}));  // nothing was written
}

}  // namespace
}  // namespace transformlet
