// Runs that fail: they diverge, the disk is full or memory is short. One line says why, the status is 1, and the
// checkpoints that there were are whole.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/checkpoint.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class Failure : public testing::Test {
 protected:
  Failure() { write_bytes(folder.path / "small.yaml", small_config); }

  // Trains; returns the error: what stderr ends with, from the one line on that begins with "error: ".
  std::string error_of_training(const Arguments& words, const std::function<void()>& prepare = {}) const {
    Arguments arguments = {"train", "small.yaml"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Outcome outcome = run_program(folder.path, arguments, prepare);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    const std::vector<std::string> lines = lines_of(outcome.err);
    EXPECT_EQ(std::ranges::count_if(lines, [](const std::string& line) { return line.starts_with("error: "); }), 1)
        << outcome.err;
    const size_t begin = outcome.err.find("error: ");
    return begin == std::string::npos ? "" : outcome.err.substr(begin, outcome.err.size() - begin - 1);
  }

  // All checkpoints of a run can be read.
  static size_t whole_checkpoints(const fs::path& run) {
    const std::vector<StoredCheckpoint> stored = list_checkpoints(run);
    for (const StoredCheckpoint& checkpoint : stored) EXPECT_NO_THROW(load_checkpoint(checkpoint.folder));
    return stored.size();
  }

  TemporaryFolder folder;
};

const Arguments reckless = {"optimizer.name=sgd", "optimizer.clip_norm=null", "schedule.name=constant",
                            "schedule.warmup_steps=0", "checkpoint.every=1"};

Arguments with(Arguments words, const Arguments& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(Failure, ADivergedRunNamesTheStepAndSavesNoNan) {
  // Weights of 1e30 are finite, but what is computed from them is not.
  EXPECT_EQ(error_of_training(with(reckless, {"--run", "a", "optimizer.learning_rate=1e30"})),
            "error: diverged: at step 2 the loss is nan and the gradient's norm nan; the first that is not finite is "
            "the output of linear in encoder.blocks.0.attention.qkv (32, 6, 48)\n"
            "the last good checkpoint is a/checkpoints/step-1; go on from it with a lower learning rate: "
            "transformlet train --resume a optimizer.learning_rate=3.3e+29");
  EXPECT_EQ(whole_checkpoints(folder.path / "a"), 1u);
  EXPECT_EQ(bytes_of_file(folder.path / "a/metrics.jsonl").find("NaN"), std::string::npos);
  const std::string event = lines_of(bytes_of_file(folder.path / "a/events.jsonl")).back();
  EXPECT_NE(event.find("\"event\": \"diverged\", \"step\": 1, \"what\": \"at step 2 the loss is nan"),
            std::string::npos)
      << event;

  // These are not finite in float32.
  EXPECT_EQ(error_of_training(with(reckless, {"--run", "b", "optimizer.learning_rate=1e60"})),
            "error: diverged: after step 1 some weights are not finite; the first that is not finite is the weight "
            "input.embedding.weight (5, 16) and 31 more\n"
            "there is no checkpoint; begin anew with a lower learning rate: "
            "transformlet train --resume b optimizer.learning_rate=3.3e+59");
  EXPECT_EQ(whole_checkpoints(folder.path / "b"), 0u);

  // It is the last step that ruins the weights: nothing but the evaluation can tell.
  const std::string last =
      "; the first that is not finite is the output of linear in encoder.blocks.0.attention.qkv "
      "(32, 6, 48)\nthere is no checkpoint; begin anew with a lower learning rate: ";
  EXPECT_EQ(error_of_training(with(reckless, {"--run", "c", "optimizer.learning_rate=1e30", "train.max_steps=1"})),
            "error: diverged: after step 1 val/loss is nan" + last +
                "transformlet train --resume c optimizer.learning_rate=3.3e+29");
  EXPECT_EQ(error_of_training(
                with(reckless, {"--run", "d", "optimizer.learning_rate=1e30", "train.max_steps=1", "task.val_size=0"})),
            "error: diverged: after step 1 test/loss is nan" + last +
                "transformlet train --resume d optimizer.learning_rate=3.3e+29");
  for (const std::string run : {"b", "c", "d"}) {
    EXPECT_EQ(bytes_of_file(folder.path / run / "metrics.jsonl").find("NaN"), std::string::npos);
  }
}

// A run that fails in the same way when it is resumed keeps its last good checkpoint.
TEST_F(Failure, ADivergedRunCanBeResumedMoreCarefully) {
  error_of_training({"--run", "run", "optimizer.name=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null",
                     "schedule.warmup_steps=0", "checkpoint.powers_of_two=true"});
  const Outcome careful =
      run_program(folder.path, {"train", "--resume", "run", "optimizer.learning_rate=0.1", "train.max_steps=5"});
  // The weights of step 1 were finite and of no use; this is an error again, not a crash.
  EXPECT_EQ(careful.status, 1);
  EXPECT_NE(careful.err.find("error: diverged: at step 2 "), std::string::npos) << careful.err;
  fs::remove_all(folder.path / "run/checkpoints/step-1");
  const Outcome earlier =
      run_program(folder.path, {"train", "--resume", "run", "optimizer.learning_rate=0.1", "train.max_steps=5"});
  EXPECT_EQ(earlier.status, 0) << earlier.err;
  EXPECT_EQ(lines_of(earlier.err).front(), "resuming run after step 0");
}

TEST_F(Failure, AFileThatMayGrowNoFurther) {
  // metrics.jsonl outgrows the limit after some checkpoints, none of whose files does; without a probe, weights.hashes.
  const auto limit = [](size_t bytes) {
    return [=] {
      const rlimit most{bytes, bytes};
      setrlimit(RLIMIT_FSIZE, &most);
    };
  };
  const Arguments words = {"train.log_every=1", "train.max_steps=1000", "optimizer.name=sgd",
                           "optimizer.learning_rate=0.1"};
  EXPECT_EQ(error_of_training(with(words, {"--run", "hashed"}), limit(40000)),
            "error: hashed/weights.hashes: cannot be written: File too large");
  EXPECT_GE(whole_checkpoints(folder.path / "hashed"), 5u);
  const std::string error = error_of_training(with(words, {"--run", "run", "probes.attention.every=5"}), limit(40000));
  EXPECT_EQ(error, "error: run/metrics.jsonl: cannot be written: File too large");
  EXPECT_GE(whole_checkpoints(folder.path / "run"), 5u);
  for (const std::string& line : lines_of(bytes_of_file(folder.path / "run/metrics.jsonl"))) {
    EXPECT_TRUE(line.ends_with('}')) << line;
  }
  // A checkpoint that outgrows it leaves no trace.
  EXPECT_EQ(error_of_training(with(words, {"--run", "tiny"}), limit(10000)),
            "error: tiny/checkpoints/step-10: the checkpoint was not saved: "
            "tiny/checkpoints/.temporary-step-10/weights.safetensors: cannot be written: File too large");
  EXPECT_EQ(number_of_entries(folder.path / "tiny/checkpoints"), 0u);
}

// A filesystem of its own, seen by this process and its children only; gone with them.
bool mount_small_disk(const fs::path& where, const char* options, unsigned long flags = 0) {
  fs::create_directory(where);
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", where.c_str(), "tmpfs", flags, options) == 0;
}

TEST_F(Failure, AFullDisk) {
  const fs::path disk = folder.path / "disk";
  if (!mount_small_disk(disk, "size=400k")) GTEST_SKIP() << "only root can mount a small disk";
  const std::string error = error_of_training({"--run", "disk/run"});
  EXPECT_TRUE(error.ends_with("No space left on device")) << error;
  const size_t saved = whole_checkpoints(disk / "run");
  EXPECT_GE(saved, 1u);
  // With more room, it goes on where it was, to the very bits of a run that always had enough.
  ASSERT_EQ(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=8m"), 0);
  EXPECT_EQ(run_program(folder.path, {"train", "--resume", "disk/run"}).status, 0);
  EXPECT_EQ(run_program(folder.path, {"train", "small.yaml", "--run", "roomy"}).status, 0);
  EXPECT_EQ(bits_of(disk / "run"), bits_of(folder.path / "roomy"));
  umount(disk.c_str());
}

TEST_F(Failure, ADiskThatIsReadOnly) {
  const fs::path disk = folder.path / "disk";
  if (!mount_small_disk(disk, "size=400k", MS_RDONLY)) GTEST_SKIP() << "only root can mount a small disk";
  EXPECT_EQ(error_of_training({"--run", "disk/run"}), "error: disk/run: cannot be created: Read-only file system");
  umount(disk.c_str());
}

TEST_F(Failure, ARunWhereNoFolderCanBe) {
  EXPECT_EQ(error_of_training({"--run", "small.yaml/run"}), "error: small.yaml: is no folder: File exists");
}

TEST_F(Failure, NotEnoughMemory) {
  if (is_sanitized) GTEST_SKIP() << "the sanitizer itself needs terabytes of addresses";
  const auto limited = [] {
    setenv("OMP_NUM_THREADS", "1", 1);  // OpenBLAS takes 128 MB for each thread before the program starts
    const rlimit most{size_t{1} << 30, size_t{1} << 30};
    setrlimit(RLIMIT_AS, &most);
  };
  const std::string error =
      error_of_training({"--run", "run", "task.train_size=300000", "train.batch_size=300000"}, limited);
  EXPECT_TRUE(error.starts_with("error: out of memory: ")) << error;
  EXPECT_TRUE(error.ends_with("; a smaller batch, model or length helps")) << error;
}

}  // namespace
}  // namespace transformlet
