// weights.hashes: what it holds, going on after a stop, and damage.
#include "train/weight_hashes.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include "autograd/kernels/threads.h"
#include "base/random.h"
#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr size_t header_bytes = 4 * 8 + 4, record_bytes = 4 * 8;  // names "w\n" and "b\n"; a step, two hashes, a check

class WeightHashesTest : public testing::Test {
 protected:
  WeightHashesTest() {
    parameters.add({leaf(tensor({1, 2, 3, 4}, {2, 2}, DType::float32), "w"), ParameterKind::weight});
    parameters.add({leaf(tensor({5}, {1}, DType::float64), "b"), ParameterKind::bias});
  }

  void write_steps(int64_t first, int64_t last) {
    HashWriter writer(path, parameters);
    for (int64_t step = first; step <= last; ++step) writer.write(record(step));
  }
  static StepHashes record(int64_t step) {
    const auto number = static_cast<uint64_t>(step);
    return {step, {number * 7 + 1, number * 11 + 2}};
  }

  TemporaryFolder folder;
  fs::path path = folder.path / "weights.hashes";
  Parameters parameters;
};

TEST_F(WeightHashesTest, HashesTheBytesOfEachTensor) {
  const StepHashes hashes = hashes_of(parameters, 3);
  const float w[] = {1, 2, 3, 4};
  const double b = 5;
  EXPECT_EQ(hashes.step, 3);
  EXPECT_EQ(hashes.tensors, (std::vector<uint64_t>{XXH3_64bits(w, sizeof w), XXH3_64bits(&b, sizeof b)}));
}

// Enough weights for threads to share them.
TEST_F(WeightHashesTest, AnyNumberOfThreads) {
  RandomStream random(RandomKey(1));
  std::vector<double> values(60000);
  for (double& value : values) value = random.normal();
  for (int64_t i = 0; i < 5; ++i) {
    values[static_cast<size_t>(i)] += 1;
    parameters.add({leaf(tensor(values, {60000}, DType::float32), fmt::format("w{}", i)), ParameterKind::weight});
  }
  const auto with_threads = [&](int count) {
    const kernels::ThreadsAre threads(count);
    return hashes_of(parameters, 0).tensors;
  };
  const std::vector<uint64_t> one = with_threads(1);
  EXPECT_EQ(one[3], XXH3_64bits(parameters.list()[3].value.data<float>(), 60000 * sizeof(float)));
  EXPECT_EQ(with_threads(2), one);
  EXPECT_EQ(with_threads(5), one);
}

TEST_F(WeightHashesTest, ReadsWhatWasWritten) {
  write_steps(0, 4);
  EXPECT_EQ(fs::file_size(path), header_bytes + 5 * record_bytes);
  const WeightHashes read = WeightHashes::read(path);
  EXPECT_EQ(read.names, (std::vector<std::string>{"w", "b"}));
  ASSERT_EQ(read.steps.size(), 5u);
  for (int64_t step = 0; step <= 4; ++step) {
    ASSERT_NE(read.find(step), nullptr);
    EXPECT_EQ(read.find(step)->tensors, record(step).tensors);
  }
  EXPECT_EQ(read.find(5), nullptr);
}

TEST_F(WeightHashesTest, NamesTheFirstTensorThatDiffers) {
  const std::vector<std::string> names = {"a", "b", "c"};
  const auto found = difference(names, {9, {1, 2, 3}}, {9, {1, 5, 6}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 9);
  EXPECT_EQ(found->tensor, "b");
  EXPECT_EQ(found->differing, 2u);
  EXPECT_EQ(found->tensors, 3u);
  EXPECT_FALSE(difference(names, {9, {1, 2, 3}}, {9, {1, 2, 3}}));
}

TEST_F(WeightHashesTest, AResumedRunHasTheBytesOfOneThatWasNeverStopped) {
  write_steps(0, 12);
  const std::string whole = bytes_of_file(path);
  for (size_t length = 0; length <= whole.size(); ++length) {  // stopped after any byte
    write_bytes(path, whole.substr(0, length));
    const bool has_checkpoint = length >= header_bytes + 6 * record_bytes;  // saved after the record of step 5
    cut_hashes(path, has_checkpoint ? 5 : -1);
    EXPECT_EQ(fs::file_size(path), has_checkpoint ? header_bytes + 6 * record_bytes : 0);
    write_steps(has_checkpoint ? 5 : 0, 12);
    ASSERT_EQ(bytes_of_file(path), whole) << "stopped after byte " << length;
  }
  cut_hashes(folder.path / "none", 3);
  EXPECT_FALSE(fs::exists(folder.path / "none"));
}

TEST_F(WeightHashesTest, WhatACrashLeavesDoesNotCount) {
  write_steps(0, 2);
  const std::string whole = bytes_of_file(path);
  for (size_t rest = 1; rest < record_bytes; ++rest) {
    write_bytes(path, whole + std::string(rest, '\0'));
    EXPECT_EQ(WeightHashes::read(path).steps.size(), 3u);
  }
  write_bytes(path, whole + std::string(record_bytes, '\0'));  // the loss of power leaves zeros
  cut_hashes(path, 2);
  EXPECT_EQ(bytes_of_file(path), whole);
}

TEST_F(WeightHashesTest, EveryDamagedBitIsSaid) {
  write_steps(0, 3);
  const std::string whole = bytes_of_file(path);
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_bytes(path, damaged);
    const std::string error = error_of([&] { WeightHashes::read(path); });
    if (bit / 8 < header_bytes) {
      ASSERT_EQ(error,
                path.string() + ": it is damaged: it does not begin as a file of hashes; remove it to go on without");
    } else {
      const size_t record = (bit / 8 - header_bytes) / record_bytes;
      ASSERT_EQ(error,
                fmt::format("{}: it is damaged: the record at byte {} is not what was written; remove the file to "
                            "go on without",
                            path.string(), header_bytes + record * record_bytes));
    }
  }
}

TEST_F(WeightHashesTest, ResumingRefusesWhatIsDamagedBefore) {
  write_steps(0, 3);
  std::string bytes = bytes_of_file(path);
  bytes[header_bytes + record_bytes + 9] ^= 1;  // of step 1
  write_bytes(path, bytes);
  EXPECT_TRUE(
      error_of([&] { cut_hashes(path, 3); }).starts_with(path.string() + ": it is damaged: the record at byte "));
  EXPECT_EQ(bytes_of_file(path), bytes);
  cut_hashes(path, 0);  // it is dropped
  EXPECT_EQ(WeightHashes::read(path).steps.size(), 1u);
}

TEST_F(WeightHashesTest, RefusesOtherWeights) {
  write_steps(0, 3);
  Parameters others;
  others.add({leaf(tensor({1}, {1}, DType::float32), "v"), ParameterKind::weight});
  EXPECT_EQ(error_of([&] { HashWriter(path, others); }),
            path.string() + ": it is of other weights than the model's; remove it to go on without");
  EXPECT_EQ(
      error_of([&] { WeightHashes::read(folder.path / "none"); }),
      (folder.path / "none").string() + ": there is no such file: the run was recorded without hashes of its weights");
}

}  // namespace
}  // namespace transformlet
