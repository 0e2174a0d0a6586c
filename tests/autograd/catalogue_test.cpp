// Every op, every promise: the suite that runs over all samples of the catalogue.
#include "autograd/catalogue.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "autograd/graph.h"
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tests/autograd/op_runs.h"

namespace transformlet {

namespace {

constexpr int64_t most_entries = 12;  // of each input, in finite differences of long samples

std::string test_name(const testing::TestParamInfo<OpSample>& info) { return info.param.full_name(); }

void expect_same_bits(const TensorList& a, const TensorList& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size());
    const size_t bytes = static_cast<size_t>(a[i].size()) * size_of(a[i].dtype());
    EXPECT_EQ(std::memcmp(a[i].body().buffer->data, b[i].body().buffer->data, bytes), 0) << "tensor " << i;
  }
}

class OpTest : public testing::TestWithParam<OpSample> {};

TEST_P(OpTest, GradientMatchesFiniteDifferences) {
  const auto result = gradcheck(GetParam().call, random_inputs(GetParam(), DType::float64),
                                {.max_entries = most_entries, .allow_unused = true});
  EXPECT_TRUE(result.ok()) << result;
}

TEST_P(OpTest, SecondGradientMatchesFiniteDifferences) {
  const auto result = gradgradcheck(GetParam().call, random_inputs(GetParam(), DType::float64),
                                    {.max_entries = most_entries, .allow_unused = true});
  EXPECT_TRUE(result.ok()) << result;
}

// 1e-12: sums of up to 16,411 terms of size 1 in another order.
TEST_P(OpTest, KernelMatchesReference) {
  EXPECT_LT(distance(run(GetParam(), DType::float64, true).gradients, run(GetParam(), DType::float64).gradients),
            1e-12);
  const HigherOrder guard;
  const TensorList ys = GetParam().call(random_inputs(GetParam(), DType::float64));
  const NodePointer node = ys.front().body().node;
  if (node == nullptr || !node->reference) return;  // a primitive: it is its own reference
  const NoRecording off;
  EXPECT_LT(distance(node->reference(node->kept_inputs), ys), 1e-12);
}

// 1e-4: float32 has 6e-8, and the deepest samples multiply it by a few hundred.
TEST_P(OpTest, Float32IsNearFloat64) {
  const Results wide = run(GetParam(), DType::float64), narrow = run(GetParam(), DType::float32);
  EXPECT_LT(distance(wide.outputs, narrow.outputs), 1e-4);
  EXPECT_LT(distance(wide.gradients, narrow.gradients), 1e-4);
}

TEST_P(OpTest, SameBitsWithOneAndMoreThreads) {
  const int before = omp_get_max_threads();
  for (const DType dtype : {DType::float32, DType::float64}) {
    omp_set_num_threads(1);
    const Results one = run(GetParam(), dtype);
    for (const int threads : {2, 3}) {
      omp_set_num_threads(threads);
      const Results more = run(GetParam(), dtype);
      expect_same_bits(one.outputs, more.outputs);
      expect_same_bits(one.gradients, more.gradients);
    }
  }
  omp_set_num_threads(before);
}

TEST_P(OpTest, LeavesNothingBehind) {
  const int64_t buffers = pool_statistics().live_buffers, nodes = live_nodes();
  run(GetParam(), DType::float32);
  run(GetParam(), DType::float32, true);
  EXPECT_EQ(pool_statistics().live_buffers, buffers);
  EXPECT_EQ(live_nodes(), nodes);
}

// After an input has been overwritten, the gradient is either refused or still that of the forward pass.
TEST_P(OpTest, OverwrittenInputsAreNoticed) {
  const TensorList expected = run(GetParam(), DType::float64).gradients;
  const size_t count = random_inputs(GetParam(), DType::float64).size();
  for (size_t changed = 0; changed < count; ++changed) {
    TensorList inputs = random_inputs(GetParam(), DType::float64);
    const TensorList ys = GetParam().call(inputs);
    double* const values = overwrite<double>(inputs[changed]);
    for (int64_t i = 0; i < inputs[changed].size(); ++i) values[i] = 2 * values[i] + 1;
    try {
      EXPECT_LT(distance(expected, grad(ys, inputs, {.seeds = cotangents_for(ys)})), 1e-12);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("has been overwritten since"), std::string::npos) << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, OpTest, testing::ValuesIn(valid_samples()), test_name);

class OpErrorTest : public testing::TestWithParam<OpSample> {};

TEST_P(OpErrorTest, SaysWhatIsWrong) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    try {
      GetParam().call(random_inputs(GetParam(), dtype));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), GetParam().error);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, OpErrorTest, testing::ValuesIn(error_samples()), test_name);

TEST(Catalogue, HasSamplesOfEveryOp) {
  std::set<std::string> sampled, recorded;
  for (const OpSample& sample : valid_samples()) sampled.insert(sample.op);
  const std::regex name(
      R"re((?:\.op = |op = |record_with_input\(|record_with_output\(|record_activation\()\s*"(\w+)")re");
  for (const auto& file : std::filesystem::directory_iterator(TRANSFORMLET_SOURCE_DIR "/autograd/ops")) {
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), name), end; match != end; ++match) {
      recorded.insert((*match)[1]);
    }
  }
  EXPECT_GE(recorded.size(), 35u);
  for (const std::string& op : recorded) EXPECT_TRUE(sampled.contains(op)) << op << " has no sample";
}

}  // namespace
}  // namespace transformlet
