// Attention against PyTorch's recordings: values, weights and gradients, in every layout that can express the case.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "tests/golden.h"
#include "tests/golden_tensors.h"

namespace transformlet {
namespace {

AttentionOptions options_of(const GoldenCase& golden) {
  AttentionOptions options;
  if (golden.settings.contains("scale")) options.scale = golden.settings.at("scale");
  return options;
}

Tensor add_head_axis(const Tensor& x) { return x.rank() == 4 ? x : reshape(x, {1, 1, x.dim(0), x.dim(1)}); }

// The layouts.
AttentionResult fused(const TensorList& in, const Mask& mask, const AttentionOptions& options) {
  return {scaled_dot_product_attention(in[0], in[1], in[2], mask, options), {}};
}

AttentionResult with_weights(const TensorList& in, const Mask& mask, const AttentionOptions& options) {
  return attention_with_weights(in[0], in[1], in[2], mask, options);
}

AttentionResult side_by_side(const TensorList& in, const Mask& mask, const AttentionOptions& options) {
  TensorList x;
  for (const Tensor& operand : in) x.push_back(merge_heads(add_head_axis(operand)));
  const int64_t heads = add_head_axis(in[0]).dim(1);
  AttentionOptions grouped = options;
  grouped.num_kv_heads = add_head_axis(in[1]).dim(1);
  const Tensor y = split_heads(multihead_attention(x[0], x[1], x[2], heads, mask, grouped), heads);
  return {reshape(y, in[0].shape().with(-1, in[2].dim(-1))), {}};
}

AttentionResult packed(const TensorList& in, const Mask& mask, const AttentionOptions& options) {
  TensorList x;
  for (const Tensor& operand : in) x.push_back(merge_heads(add_head_axis(operand)));
  const int64_t heads = add_head_axis(in[0]).dim(1);
  AttentionOptions grouped = options;
  grouped.num_kv_heads = add_head_axis(in[1]).dim(1);
  return {reshape(split_heads(packed_attention(concatenate(x, 2), heads, mask, grouped), heads), in[0].shape()), {}};
}

struct Layout {
  const char* name;
  AttentionResult (*call)(const TensorList&, const Mask&, const AttentionOptions&);
  bool gives_weights, needs_equal_sizes;
};

const std::vector<Layout> layouts = {{"fused", fused, false, false},
                                     {"with_weights", with_weights, true, false},
                                     {"side_by_side", side_by_side, false, false},
                                     {"packed", packed, false, true}};

void expect_golden(const GoldenCase& golden, const Layout& layout, DType dtype) {
  SCOPED_TRACE(fmt::format("{} in {}", layout.name, name_of(dtype)));
  const TensorList in = {golden_leaf(golden, "q", dtype), golden_leaf(golden, "k", dtype),
                         golden_leaf(golden, "v", dtype)};
  const AttentionResult result = layout.call(in, golden_mask(golden), options_of(golden));
  // The published example was printed with four decimals.
  const auto exact = golden.settings.find("absolute_tolerance");
  if (exact != golden.settings.end()) {
    for (const auto& [name, y] : {std::pair{"values", result.values}, std::pair{"weights", result.weights}}) {
      if (!y.defined()) continue;
      EXPECT_LT(largest_difference(golden_tensor(golden.outputs.at(name), dtype), y), exact->second);
    }
    return;
  }
  TensorList ys, seeds;
  for (const auto& [name, y] : {std::pair{"values", result.values}, std::pair{"weights", result.weights}}) {
    if (!y.defined() || !golden.outputs.contains(name)) continue;
    expect_golden(golden.outputs.at(name), y, name);
    const auto cotangent = golden.inputs.find(std::string("cotangent.") + name);
    if (cotangent == golden.inputs.end()) continue;
    ys.push_back(y);
    seeds.push_back(golden_tensor(cotangent->second, dtype));
  }
  // Gradients of cases with weights are those of values and weights together.
  if (golden.outputs.contains("weights") && !layout.gives_weights) return;
  const TensorList gradients = grad(ys, in, {.seeds = seeds});
  for (size_t i = 0; i < 3; ++i) expect_golden(golden.gradients.at(in[i].name()), gradients[i], in[i].name());
}

class AttentionGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(AttentionGolden, MatchesPyTorch) {
  const GoldenCase& golden = GetParam();
  for (const Layout& layout : layouts) {
    const std::vector<int64_t>&q = golden.inputs.at("q").shape, &k = golden.inputs.at("k").shape,
          &v = golden.inputs.at("v").shape;
    const bool equal = k == v && std::equal(q.rbegin(), q.rbegin() + 2, k.rbegin());  // lengths and head sizes
    if (layout.needs_equal_sizes && !equal) continue;
    for (const DType dtype : {DType::float64, DType::float32}) expect_golden(golden, layout, dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionGolden, testing::ValuesIn(load_golden("attention.json")),
                         [](const auto& info) { return info.param.name; });

TEST(AttentionGoldenFile, HasWhatTheTestsAbovePromise) {
  size_t gradients_by_kernel = 0, grouped = 0;
  const std::vector<GoldenCase> cases = load_golden("attention.json");
  for (const GoldenCase& golden : cases) {
    gradients_by_kernel += !golden.outputs.contains("weights") && !golden.gradients.empty();
    grouped += golden.name.starts_with("grouped_heads");
  }
  EXPECT_EQ(cases.size(), 46u);
  EXPECT_EQ(gradients_by_kernel, 23u);
  EXPECT_EQ(grouped, 2u);
}

}  // namespace
}  // namespace transformlet
