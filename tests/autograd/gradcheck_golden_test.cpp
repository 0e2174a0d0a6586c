// Verdicts of torch.autograd.gradcheck and gradgradcheck on functions with right and wrong backward passes, against
// ours. tests/golden/record.py has the same functions in Python, in the same order.
#include "autograd/gradcheck.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "autograd/attention.h"
#include "tests/golden_tensors.h"

namespace transformlet {
namespace {

using Function = std::function<Tensor(const TensorList&)>;

// A function with a backward pass of its own: backward(cotangent, inputs) gives one gradient for each input.
Function with_backward(const Function& forward,
                       const std::function<TensorList(const Tensor&, const TensorList&)>& backward) {
  return [=](const TensorList& inputs) {
    auto vjp = [backward](const Backward& call) { return backward(call.dy(), call.saved); };
    Tensor y;
    {
      const NoRecording off;
      y = forward(inputs);
    }
    return record({.op = "by_hand", .inputs = inputs, .outputs = {y}, .vjp = vjp, .saves = inputs});
  };
}

// The same for one input.
Function with_backward(Tensor (*forward)(const Tensor&),
                       const std::function<Tensor(const Tensor&, const Tensor&)>& backward) {
  return with_backward([=](const TensorList& in) { return forward(in[0]); },
                       [=](const Tensor& g, const TensorList& in) { return TensorList{backward(g, in[0])}; });
}

const Tokens ids({2, 0, 2, 1}, {4});
const Tokens targets({1, 3, 0}, {3});

Tensor transposed(const Tensor& x) { return transpose(x, -1, -2); }
Tensor sine(const Tensor& x) {
  std::vector<double> values = x.to_vector();
  for (double& value : values) value = std::sin(value);
  return tensor(values, x.shape(), x.dtype());
}
// With the derivatives that gradgradcheck asks for: cos' = -sin, sin' = cos.
Tensor cosine(const Tensor& x);
Tensor sine_again(const Tensor& x) {
  return with_backward(sine, [](const Tensor& g, const Tensor& in) { return g * cosine(in); })({x});
}
Tensor cosine_values(const Tensor& x) { return sine(x + std::acos(0.0)); }
Tensor cosine(const Tensor& x) {
  return with_backward(cosine_values, [](const Tensor& g, const Tensor& in) { return -(g * sine_again(in)); })({x});
}

Tensor inverse_deviation(const Tensor& x) { return rsqrt(mean(square(x - mean(x, {-1}, true)), {-1}, true) + 1e-5); }
Tensor standardise(const Tensor& x) { return (x - mean(x, {-1}, true)) * inverse_deviation(x); }
Tensor mean_cross_entropy(const Tensor& x) { return cross_entropy(x, targets) / 3.0; }
Tensor rows_of(const Tensor& weight) { return gather_rows(weight, ids); }
Tensor masked_squares(const Tensor& x) {
  const Tensor allowed = reshape(Mask::causal().to_tensor(1, 1, 3, 4, x.dtype()), {3, 4});
  return where(allowed, square(x), scalar(0, x.dtype()));
}

// Ones, with the factor at one place.
Tensor scaled_entry(double factor) {
  std::vector<double> values(12, 1.0);
  values[1 * 4 + 2] = factor;
  return tensor(values, {3, 4}, DType::float64);
}

Tensor softmax_backward(const Tensor& g, const Tensor& y) { return y * (g - sum(g * y, {-1}, true)); }

Tensor causal_attention(const TensorList& in) {
  return scaled_dot_product_attention(in[0], in[1], in[2], Mask::causal());
}

// With scale and mask as the backward pass believes them to be.
Function attention_by_hand(double scale, const Mask& mask) {
  return with_backward(causal_attention, [=](const Tensor& g, const TensorList& in) -> TensorList {
    const Tensor weights = attention_with_weights(in[0], in[1], in[2], mask).weights;
    const Tensor scores = softmax_backward(matmul(g, in[2], false, true), weights) * scale;
    return {matmul(scores, in[1]), matmul(transposed(scores), in[0]), matmul(transposed(weights), g)};
  });
}

Function product_by_hand(const std::function<TensorList(const Tensor&, const Tensor&, const Tensor&)>& backward) {
  return with_backward([](const TensorList& in) { return matmul(in[0], in[1]); },
                       [=](const Tensor& g, const TensorList& in) { return backward(g, in[0], in[1]); });
}

// x^2, whose backward pass 2 x g is right, and has a backward pass of its own.
Function square_with(const std::function<TensorList(const Tensor&, const TensorList&)>& backward) {
  const Function twice_times = with_backward([](const TensorList& in) { return 2.0 * in[1] * in[0]; }, backward);
  return with_backward(square, [=](const Tensor& g, const Tensor& x) { return twice_times({g, x}); });
}

const double root = 1 / std::sqrt(3.0);

const std::map<std::string, Function> functions = {
    // Right.
    {"multiply", [](const TensorList& in) { return in[0] * in[1]; }},
    {"matmul", [](const TensorList& in) { return matmul(in[0], in[1]); }},
    {"broadcast_add", [](const TensorList& in) { return in[0] + in[1]; }},
    {"softmax", [](const TensorList& in) { return softmax(in[0]); }},
    {"layer_norm", [](const TensorList& in) { return standardise(in[0]); }},
    {"gelu", [](const TensorList& in) { return gelu(in[0]); }},
    {"cross_entropy", [](const TensorList& in) { return mean_cross_entropy(in[0]); }},
    {"embedding", [](const TensorList& in) { return rows_of(in[0]); }},
    {"causal_attention", causal_attention},
    {"relu", [](const TensorList& in) { return relu(in[0]); }},
    {"custom_square", with_backward(square, [](const Tensor& g, const Tensor& x) { return 2.0 * x * g; })},
    {"custom_causal_attention", attention_by_hand(root, Mask::causal())},
    // Wrong.
    {"factor_2", with_backward(square, [](const Tensor& g, const Tensor& x) { return 4.0 * x * g; })},
    {"wrong_sign", with_backward(sine, [](const Tensor& g, const Tensor& x) { return -cosine(x) * g; })},
    {"missing_sum", with_backward([](const TensorList& in) { return in[0] + in[1]; },
                                  [](const Tensor& g, const TensorList&) -> TensorList {
                                    return {g, reshape(slice(g, 0, 0, 1), {4})};
                                  })},
    {"transposed", product_by_hand([](const Tensor& g, const Tensor& a, const Tensor& b) -> TensorList {
       return {matmul(g, transposed(b)), transposed(matmul(transposed(a), g))};
     })},
    {"not_transposed", product_by_hand([](const Tensor& g, const Tensor& a, const Tensor& b) -> TensorList {
       return {matmul(g, b), matmul(transposed(a), g)};
     })},
    {"one_entry_1_percent",
     with_backward(exp, [](const Tensor& g, const Tensor& x) { return g * exp(x) * scaled_entry(1.01); })},
    {"one_entry_too_small_to_see",
     with_backward(exp, [](const Tensor& g, const Tensor& x) { return g * exp(x) * scaled_entry(1.0001); })},
    {"mask_ignored", with_backward(masked_squares, [](const Tensor& g, const Tensor& x) { return 2.0 * x * g; })},
    {"attention_mask_ignored", attention_by_hand(root, Mask::none())},
    {"attention_scale_missing", attention_by_hand(1.0, Mask::causal())},
    {"softmax_diagonal_only",
     with_backward(softmax, [](const Tensor& g, const Tensor& x) { return g * softmax(x) * (1.0 - softmax(x)); })},
    {"layer_norm_constant_statistics",
     with_backward(standardise, [](const Tensor& g, const Tensor& x) { return g * inverse_deviation(x); })},
    {"wrong_value_saved", with_backward(tanh, [](const Tensor& g, const Tensor& x) { return g * (1.0 - x * x); })},
    {"mean_not_divided",
     with_backward(mean_cross_entropy,
                   [](const Tensor& g, const Tensor& x) { return g * (softmax(x) - one_hot(targets, 4, x.dtype())); })},
    {"repeated_ids_overwritten", with_backward(rows_of,
                                               [](const Tensor& g, const Tensor&) {
                                                 return gather_rows(g, Tokens({1, 3, 2}, {3}));
                                               })},
    {"gradients_swapped", with_backward([](const TensorList& in) { return in[0] * in[1]; },
                                        [](const Tensor& g, const TensorList& in) -> TensorList {
                                          return {g * in[0], g * in[1]};
                                        })},
    {"zero_gradient",
     with_backward(sine, [](const Tensor& g, const Tensor& x) { return zeros(g.shape(), g.dtype()) * x; })},
    {"detached_factor", [](const TensorList& in) { return in[0] * detach(in[0]); }},
    {"relu_at_zero", [](const TensorList& in) { return relu(in[0]); }},
    // Right once, wrong when differentiated twice.
    {"second_order_right", square_with([](const Tensor& h, const TensorList& in) -> TensorList {
       return {2.0 * in[1] * h, 2.0 * in[0] * h};
     })},
    {"second_order_detached",
     with_backward(square, [](const Tensor& g, const Tensor& x) { return 2.0 * detach(x) * g; })},
    {"second_order_factor_2", square_with([](const Tensor& h, const TensorList& in) -> TensorList {
       return {2.0 * in[1] * h, 4.0 * in[0] * h};
     })},
};

// Where we don't say what PyTorch says; each has a test of its own.
const std::set<std::string> exceptions = {"one_entry_too_small_to_see", "relu_at_zero"};

// Wrong backward passes that are rightly differentiated, so PyTorch's gradgradcheck passes them, and so do our
// differences. But their "Hessian" u'Hv is not v'Hu, so what they give is no gradient of any function: we fail them.
const std::set<std::string> not_symmetric = {"transposed", "not_transposed", "attention_scale_missing",
                                             "softmax_diagonal_only", "layer_norm_constant_statistics"};

Verdict verdict_by_differences(GradcheckResult result) {
  result.identities.clear();
  return result.verdict();
}

TensorList leaves_of(const GoldenCase& golden) {
  TensorList leaves;
  for (const char* const name : {"x", "y", "weight", "a", "b", "q", "k", "v"}) {
    if (golden.inputs.contains(name)) leaves.push_back(golden_leaf(golden, name, DType::float64));
  }
  EXPECT_EQ(leaves.size(), golden.inputs.size());
  return leaves;
}

TensorFunction function_of(const std::string& name) {
  return [function = functions.at(name)](const TensorList& in) { return TensorList{function(in)}; };
}

// What PyTorch fails we have to fail: not to know would not be enough.
Verdict torch_says(const GoldenCase& golden, const char* setting) {
  return golden.settings.at(setting) == 1 ? Verdict::pass : Verdict::fail;
}

class GradcheckGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(GradcheckGolden, VerdictIsThatOfTorch) {
  const GoldenCase& golden = GetParam();
  const TensorFunction function = function_of(golden.name);
  const TensorList inputs = leaves_of(golden);
  for (const bool fast_mode : {false, true}) {
    const GradcheckResult first = gradcheck(function, inputs, {.fast_mode = fast_mode}),
                          second = gradgradcheck(function, inputs, {.fast_mode = fast_mode});
    EXPECT_EQ(first.verdict(), torch_says(golden, "gradcheck_passes")) << golden.words.at("about") << '\n' << first;
    EXPECT_EQ(verdict_by_differences(second), torch_says(golden, "gradgradcheck_passes"))
        << golden.words.at("about") << '\n'
        << second;
    EXPECT_EQ(second.verdict(), not_symmetric.contains(golden.name) ? Verdict::fail : verdict_by_differences(second))
        << second;
    ASSERT_EQ(second.identities.size(), 1u);
    if (not_symmetric.contains(golden.name)) {
      EXPECT_EQ(second.identities[0].verdict, Verdict::fail);
      EXPECT_EQ(first.verdict(), Verdict::fail);
    }
  }
}

std::vector<GoldenCase> comparable_cases() {
  std::vector<GoldenCase> cases = load_golden("gradcheck.json");
  std::erase_if(cases, [](const GoldenCase& golden) { return exceptions.contains(golden.name); });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Torch, GradcheckGolden, testing::ValuesIn(comparable_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(GradcheckGolden, EveryCaseIsUsed) {
  std::set<std::string> recorded, built;
  for (const GoldenCase& golden : load_golden("gradcheck.json")) recorded.insert(golden.name);
  for (const auto& [name, function] : functions) built.insert(name);
  EXPECT_EQ(recorded, built);
  EXPECT_EQ(comparable_cases().size(), recorded.size() - exceptions.size());
  EXPECT_GE(comparable_cases().size() - not_symmetric.size(), 20u);
}

// PyTorch tolerates 0.1 %, so it passes an error of 0.01 % in one entry. Error bars see it.
TEST(GradcheckGolden, AnErrorTooSmallForTorchFails) {
  const std::vector<GoldenCase> cases = load_golden("gradcheck.json");
  const GoldenCase& golden = golden_case(cases, "one_entry_too_small_to_see");
  EXPECT_EQ(golden.settings.at("gradcheck_passes"), 1);
  EXPECT_EQ(golden.settings.at("gradgradcheck_passes"), 1);
  const TensorFunction function = function_of(golden.name);
  const TensorList inputs = leaves_of(golden);
  const GradcheckResult result = gradcheck(function, inputs);
  EXPECT_EQ(result.verdict(), Verdict::fail);
  EXPECT_EQ(result.rows[0].failed, 1);
  EXPECT_EQ(result.rows[0].worst.index, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(gradcheck(function, inputs, {.fast_mode = true}).verdict(), Verdict::fail);
  // The wrong gradient is differentiated rightly.
  EXPECT_TRUE(gradgradcheck(function, inputs).ok());
}

// At 0 the ReLU has no derivative to be right or wrong about. PyTorch's difference is half of the slope there, and it
// fails; we see the branch change, and say that this one entry can't be checked.
TEST(GradcheckGolden, AKinkIsUnchecked) {
  const std::vector<GoldenCase> cases = load_golden("gradcheck.json");
  const GoldenCase& golden = golden_case(cases, "relu_at_zero");
  EXPECT_EQ(golden.settings.at("gradcheck_passes"), 0);
  EXPECT_EQ(golden.settings.at("gradgradcheck_passes"), 0);
  const TensorFunction function = function_of(golden.name);
  const TensorList inputs = leaves_of(golden);
  for (const auto checker : {gradcheck, gradgradcheck}) {
    for (const bool fast_mode : {false, true}) {
      const GradcheckResult result = checker(function, inputs, {.fast_mode = fast_mode});
      EXPECT_NE(result.verdict(), Verdict::fail) << result;
      EXPECT_EQ(result.rows[0].failed, 0);
      EXPECT_EQ(result.rows[0].kinks, 1);
      EXPECT_EQ(result.rows[0].passed, 11);
      EXPECT_EQ(result.rows[0].unchecked(), 1);
    }
  }
  // It is that entry: x[1, 2] alone is not checked at all, and says why.
  EXPECT_EQ(inputs[0].to_vector()[1 * 4 + 2], 0);
  const GradcheckResult alone = gradcheck(function, {leaf(zeros({1}, DType::float64))});
  EXPECT_EQ(alone.verdict(), Verdict::unchecked);
  EXPECT_EQ(alone.rows[0].reason, Reason::kink);
  EXPECT_EQ(alone.rows[0].worst.kink, "relu");
}

}  // namespace
}  // namespace transformlet
