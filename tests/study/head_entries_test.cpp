// Which weights are a head's: those that change what it, and no other head, puts out.
#include "study/head_entries.h"

#include <gtest/gtest.h>

#include <set>

#include "autograd/ops.h"
#include "study/hessian.h"
#include "tests/study/probe_tools.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

constexpr const char* path = "decoder.blocks.1.attention";

// What each head puts out, (B, T, head size) in a row.
std::vector<std::vector<double>> outputs(const SmallDecoder& small) {
  Collector collector("blocks.1.attention.heads");
  small.model(small.examples, Pass::evaluation().with_tap(collector));
  const Tensor heads = collector.activations().front();  // (B, heads, T, head size)
  std::vector<std::vector<double>> result;
  for (int64_t head = 0; head < heads.dim(1); ++head) result.push_back(slice(heads, 1, head, head + 1).to_vector());
  return result;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

class HeadEntries : public testing::TestWithParam<int64_t> {};

TEST_P(HeadEntries, AreThoseThatMoveTheHead) {
  DecoderOptions options = small_decoder();
  options.blocks.num_heads = 4;
  options.blocks.num_kv_heads = GetParam();
  const SmallDecoder small(options);
  std::vector<std::set<int64_t>> moved(4), expected(4);
  for (int64_t head = 0; head < 4; ++head) {
    for (const int64_t entry : head_entries(small.model, small.parameters, path, head)) {
      EXPECT_TRUE(expected[static_cast<size_t>(head)].insert(entry).second);
    }
  }
  const auto before = outputs(small);
  int64_t offset = 0;
  for (const Parameter& parameter : small.parameters.list()) {
    Tensor value = parameter.value;
    const std::string& name = value.name();
    if (!name.starts_with(std::string(path) + ".")) continue;
    if (name.ends_with("out.weight")) {
      // It moves no head's output, but is what that output is multiplied by: (d_model, heads * head size).
      for (int64_t i = 0; i < value.size(); ++i) moved[static_cast<size_t>(i % 8 / 2)].insert(offset + i);
    } else if (!name.ends_with("out.bias")) {
      for (int64_t i = 0; i < value.size(); ++i) {
        const double own = value.data<double>()[i];
        overwrite<double>(value)[i] = own + 0.5;
        const auto after = outputs(small);
        overwrite<double>(value)[i] = own;
        for (size_t head = 0; head < 4; ++head) {
          if (largest_difference(after[head], before[head]) > 1e-9) moved[head].insert(offset + i);
        }
      }
    }
    offset += value.size();
  }
  // The key's bias adds the same to all scores of a query, which moves nothing: those are told apart by their rows.
  for (size_t head = 0; head < 4; ++head) {
    EXPECT_TRUE(std::ranges::includes(expected[head], moved[head])) << head;
    EXPECT_EQ(expected[head].size() - moved[head].size(), 2u) << head;
  }
}

INSTANTIATE_TEST_SUITE_P(KeysAndValues, HeadEntries, testing::Values(4, 2, 1));

// The probe's block against the same block of the whole Hessian, column by column, of the sum of squares of all logits.
TEST(HeadEntries, AreTheBlockThatCurvatureMeasures) {
  const SmallDecoder small;
  const auto loss = [&] { return sum(square(small.model(small.examples, Pass::evaluation()))) * 0.01; };
  TensorList own;
  for (const Parameter& parameter : small.parameters.list()) {
    if (parameter.value.name().starts_with(std::string(path) + ".")) own.push_back(parameter.value);
  }
  const Hessian hessian({loss}, own);
  const std::vector<int64_t> entries = head_entries(small.model, small.parameters, path, 1);
  double trace = 0;
  for (const int64_t entry : entries) {
    std::vector<double> unit(static_cast<size_t>(hessian.size()), 0.0);
    unit[static_cast<size_t>(entry)] = 1;
    trace += hessian.times(unit)[static_cast<size_t>(entry)];
  }
  ProbeView view = small.view();
  view.loss_parts = {loss};
  const auto keys = [&](const std::string& more) { return fmt::format("parameters: [{}], {}", path, more); };
  // Of all eigenvalues the sum is the trace.
  auto values =
      measured("curvature", view, keys(fmt::format("head: 1, eigenvalues: {0}, iterations: {0}", entries.size())));
  double sum_of_eigenvalues = 0;
  for (size_t i = 0; i < entries.size(); ++i) sum_of_eigenvalues += values.at(fmt::format("eigenvalue_{}", i));
  EXPECT_NEAR(sum_of_eigenvalues / trace, 1, 1e-9);
  // A block of a block is no more curved than it (Cauchy's interlacing).
  EXPECT_LE(values["sharpness"], measured("curvature", view, keys("eigenvalues: 1"))["sharpness"] * (1 + 1e-9));

  const auto refusal = [&](const std::string& keys) { return error_text([&] { measured("curvature", view, keys); }); };
  EXPECT_EQ(refusal(keys("head: 2")), "decoder.blocks.1.attention has 2 heads, numbered from 0: there is no head 2");
  EXPECT_EQ(refusal("parameters: [decoder.blocks.1], head: 0"),
            "decoder.blocks.1 is no layer of attention, and only such have heads");
  EXPECT_NE(refusal("head: 0").find("needs one attention layer in `parameters`"), std::string::npos);
}

}  // namespace
}  // namespace transformlet
