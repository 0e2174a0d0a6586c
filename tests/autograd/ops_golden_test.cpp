// Single ops against PyTorch's recordings.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/golden_tensors.h"

namespace transformlet {
namespace {

// From the leaves, by name, to the output.
using Call = std::function<Tensor(const GoldenCase&, std::map<std::string, Tensor>&)>;

Call unary(Tensor (*op)(const Tensor&)) {
  return [op](const GoldenCase&, auto& in) { return op(in["x"]); };
}

Tensor call_cross_entropy(const GoldenCase& golden, std::map<std::string, Tensor>& in) {
  const CrossEntropyOptions options{.ignored = static_cast<int32_t>(golden.settings.at("ignore_index")),
                                    .label_smoothing = golden.settings.at("label_smoothing")};
  const Tokens targets = golden_tokens(golden.inputs.at("targets"));
  const int64_t count = counted_targets(targets, options);
  EXPECT_EQ(count, static_cast<int64_t>(golden.settings.at("count")));
  const Tensor total = cross_entropy(in["logits"], targets, options);
  return golden.words.at("reduction") == "mean" ? total / static_cast<double>(count) : total;
}

const std::map<std::string, Call> calls = {
    {"layer_norm", [](const GoldenCase& golden,
                      auto& in) { return layer_norm(in["x"], in["gain"], in["bias"], golden.settings.at("epsilon")); }},
    {"rms_norm",
     [](const GoldenCase& golden, auto& in) { return rms_norm(in["x"], in["gain"], golden.settings.at("epsilon")); }},
    {"gelu", [](const GoldenCase&, auto& in) { return gelu(in["x"]); }},
    {"gelu_tanh", [](const GoldenCase&, auto& in) { return gelu(in["x"], Gelu::tanh); }},
    {"silu", unary(silu)},
    {"erf", unary(erf)},
    {"tanh", unary(tanh)},
    {"softmax", unary(softmax)},
    {"log_softmax", unary(log_softmax)},
    {"cross_entropy", call_cross_entropy},
    {"linear", [](const GoldenCase&, auto& in) { return linear(in["x"], in["weight"], in["bias"]); }},
    {"embedding", [](const GoldenCase& golden,
                     auto& in) { return gather_rows(in["weight"], golden_tokens(golden.inputs.at("ids"))); }},
    {"matmul",
     [](const GoldenCase& golden, auto& in) {
       return matmul(in["a"], in["b"], golden.settings.at("transpose_a") != 0, golden.settings.at("transpose_b") != 0);
     }},
};
const std::set<std::string> elsewhere = {"sinusoidal_positions"};  // tests/layers

std::vector<GoldenCase> cases() {
  std::vector<GoldenCase> result = load_golden("ops.json");
  std::erase_if(result, [](const GoldenCase& golden) { return elsewhere.contains(golden.words.at("op")); });
  return result;
}

class OpsGolden : public testing::TestWithParam<GoldenCase> {};

// By the kernels, and by the references that higher derivatives go through.
TEST_P(OpsGolden, MatchesPyTorch) {
  const GoldenCase& golden = GetParam();
  for (const DType dtype : {DType::float64, DType::float32}) {
    if (dtype == DType::float32 && golden.settings.contains("float64_only")) continue;
    for (const bool by_reference : {false, true}) {
      SCOPED_TRACE(fmt::format("{}{}", name_of(dtype), by_reference ? " by reference" : ""));
      const HigherOrder guard;
      std::map<std::string, Tensor> leaves;
      TensorList targets;
      for (const auto& [name, array] : golden.gradients) {
        leaves[name] = golden_leaf(golden, name, dtype);
        targets.push_back(leaves[name]);
      }
      ASSERT_EQ(golden.outputs.size(), 1u);
      const auto& [name, expected] = *golden.outputs.begin();
      const Tensor y = calls.at(golden.words.at("op"))(golden, leaves);
      expect_golden(expected, y, name);
      const Tensor seed = golden_tensor(golden.inputs.at("cotangent." + name), dtype);
      const TensorList gradients = grad(y, targets, {.seeds = {seed}, .differentiable = by_reference});
      for (size_t i = 0; i < targets.size(); ++i) {
        expect_golden(golden.gradients.at(targets[i].name()), gradients[i], targets[i].name());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OpsGolden, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
