// Wrong vjps, and what the check says of each: which entries, and what the pattern suggests.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// tanh(x W^T) summed up with weights, so that no gradient is constant: x (4, 3), W (5, 3).
Tensor projected(const TensorList& in) { return tanh(linear(in[0], in[1])); }

struct Wrong {
  std::string name;
  Bug bug;                // of the linear layer's vjp, which gives the gradients of x and W
  std::string diagnosis;  // of the gradient of W
  Shape weight = {5, 3};
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

// Changes the gradient of W.
Bug of_weight(const std::function<Tensor(const Tensor&)>& change) {
  return [change](TensorList gradients) {
    gradients[1] = change(gradients[1]);
    return gradients;
  };
}

// Entries of the gradient of W, changed one by one.
Bug of_entries(const std::function<double(int64_t row, int64_t column, double value)>& change) {
  return of_weight([change](const Tensor& gradient) {
    std::vector<double> values = gradient.to_vector();
    for (size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      values[i] = change(at / gradient.columns(), at % gradient.columns(), values[i]);
    }
    return tensor(values, gradient.shape(), gradient.dtype());
  });
}

Tensor rows_shifted(const Tensor& x) { return concatenate({slice(x, 0, 1, x.dim(0)), slice(x, 0, 0, 1)}, 0); }

std::vector<Wrong> wrong_vjps() {
  return {
      {"twice", of_weight([](const Tensor& g) { return 2.0 * g; }), "twice too large"},
      {"half", of_weight([](const Tensor& g) { return 0.5 * g; }), "half of what it should be"},
      {"sign", of_weight([](const Tensor& g) { return -g; }), "the sign is wrong"},
      {"scale_forgotten", of_weight([](const Tensor& g) { return g * std::sqrt(8.0); }),
       "off by sqrt(8): the scale 1/sqrt(d_k) of attention?"},
      {"scale_twice", of_weight([](const Tensor& g) { return g / std::sqrt(8.0); }),
       "off by 1/sqrt(8): the scale 1/sqrt(d_k) of attention?"},
      {"mean_instead_of_sum", of_weight([](const Tensor& g) { return g / 4.0; }),
       "4 times too small: a sum where a mean belongs, or the other way round?"},
      {"factor_of_1_0009", of_weight([](const Tensor& g) { return g * 1.0009; }), "off by a constant factor of 1.0009"},
      {"transposed_square",
       of_weight([](const Tensor& g) { return transpose(g, 0, 1); }),
       "the gradient is transposed",
       {3, 3}},
      // The memory of the transposed gradient under the right shape.
      {"transposed_rectangle", of_weight([](const Tensor& g) { return reshape(transpose(g, 0, 1), g.shape()); }),
       "the gradient is transposed"},
      {"shifted_by_a_row", of_weight(rows_shifted), "the gradient is shifted by one along axis 0"},
      {"one_head",
       of_entries([](int64_t row, int64_t, double g) { return row >= 2 && row < 4 ? 2 * g : g; }),
       "twice too large; only where axis 0 is in [2, 4) (as one head of 3 would)",
       {6, 3}},
      {"one_row", of_entries([](int64_t row, int64_t, double g) { return row == 3 ? -g : g; }),
       "the sign is wrong; only where axis 0 is 3"},
      {"one_entry",
       of_entries([](int64_t row, int64_t column, double g) { return row == 3 && column == 1 ? 2 * g : g; }),
       "one entry alone is wrong"},
      {"no_gradient", of_weight([](const Tensor& g) { return zeros(g.shape(), g.dtype()); }),
       "no gradient arrives: is it detached on the way?"},
      {"not_finite", of_weight([](const Tensor& g) { return g * std::nan(""); }),
       "the gradient is not finite, though the function is"},
      {"infinite", of_weight([](const Tensor& g) { return g / 0.0; }),
       "the gradient is not finite, though the function is"},
      // No pattern: nothing is suggested.
      {"noise", of_entries([](int64_t row, int64_t column, double g) {
         return g + std::sin(static_cast<double>(7 * row + 3 * column + 1));
       }),
       ""},
  };
}

class WrongTest : public testing::TestWithParam<Wrong> {
 protected:
  TensorList in = {random_leaf("x", {4, 3}), random_leaf("w", GetParam().weight)};
  TensorFunction right = [](const TensorList& in) -> TensorList { return {projected(in)}; };
  TensorFunction wrong = with_bug(right, "linear", GetParam().bug);
};

TEST_P(WrongTest, IsDiagnosed) {
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradcheck(wrong, in, {.fast_mode = fast});
    EXPECT_EQ(result.rows[0].verdict, Verdict::pass) << "x is right: " << result;
    EXPECT_EQ(result.rows[1].verdict, Verdict::fail) << result;
    EXPECT_EQ(result.rows[1].diagnosis, GetParam().diagnosis) << result;
    EXPECT_EQ(result.verdict(), Verdict::fail);
  }
}

// The worst entry is one that is wrong, and its numeric value is what the right vjp gives.
TEST_P(WrongTest, TheWorstEntryIsShown) {
  const GradcheckRow row = gradcheck(wrong, in).rows[1];
  const int64_t at = row.worst.index[0] * row.shape[1] + row.worst.index[1];
  Tensor gradient;
  const Bug watching = of_weight([&](const Tensor& g) { return gradient = g; });
  gradcheck(with_bug(right, "linear", watching), in, {.max_entries = 1});
  EXPECT_EQ(row.worst.verdict, Verdict::fail);
  EXPECT_NEAR(row.worst.numeric, gradient.data<double>()[at], 1e-8);
  EXPECT_FALSE(std::abs(row.worst.analytic - row.worst.numeric) <= 1e-8 * std::abs(row.worst.numeric));
}

INSTANTIATE_TEST_SUITE_P(Vjps, WrongTest, testing::ValuesIn(wrong_vjps()),
                         [](const auto& info) { return info.param.name; });

// ---- the batch ----

// dy^T x summed over some of the samples: what a loop over the batch with a wrong bound leaves.
Tensor projected_with_samples(const TensorList& in, int64_t first, int64_t last) {
  auto vjp = [first, last](const Backward& backward) -> TensorList {
    const Tensor &x = backward.saved[0], &w = backward.saved[1], &dy = backward.dy();
    return {matmul(dy, w), matmul(slice(dy, 0, first, last), slice(x, 0, first, last), true)};
  };
  return record({.op = "projection",
                 .inputs = {in[0], in[1]},
                 .outputs = {constant(matmul(detach(in[0]), detach(in[1]), false, true))},
                 .vjp = vjp,
                 .saves = {in[0], in[1]}});
}

TEST(GradcheckDiagnosis, AMissingSumOverTheBatch) {
  const TensorList in = {random_leaf("x", {4, 3}), random_leaf("w", {5, 3})};
  const auto diagnosis = [&](int64_t first, int64_t last, bool fast) {
    const TensorFunction function = [=](const TensorList& in) -> TensorList {
      return {tanh(projected_with_samples(in, first, last))};
    };
    return gradcheck(function, in, {.fast_mode = fast}).rows[1].diagnosis;
  };
  for (const bool fast : {false, true}) {
    EXPECT_EQ(diagnosis(0, 1, fast), "what sample 0 alone contributes: the sum over the batch is missing");
    EXPECT_EQ(diagnosis(3, 4, fast), "what sample 3 alone contributes: the sum over the batch is missing");
    EXPECT_EQ(diagnosis(0, 3, fast), "what sample 3 contributes is missing");
    EXPECT_EQ(diagnosis(1, 4, fast), "what sample 0 contributes is missing");
    EXPECT_EQ(diagnosis(0, 4, fast), "") << "the whole batch is right";
  }
}

// ---- attention ----

TEST(GradcheckDiagnosis, AMaskThatIsIgnored) {
  const TensorList in = {random_leaf("q", {1, 3, 4}), random_leaf("k", {1, 3, 4}), random_leaf("v", {1, 3, 4})};
  const TensorFunction right = [](const TensorList& in) -> TensorList {
    return {scaled_dot_product_attention(in[0], in[1], in[2], Mask::padding({2}))};
  };
  // The last key is masked; its gradient should be zero.
  const Bug bug = [](TensorList gradients) {
    for (int i = 8; i < 12; ++i) gradients[2].data<double>()[i] = 0.3 + i;
    return gradients;
  };
  for (const bool fast : {false, true}) {
    const GradcheckResult result =
        gradcheck(with_bug(right, "scaled_dot_product_attention", bug), in, {.fast_mode = fast});
    EXPECT_EQ(result.rows[2].failed, 4) << result;
    EXPECT_EQ(
        result.rows[2].diagnosis,
        "a gradient where the function does not depend on the input: is a mask ignored in the backward pass?; only "
        "where axis 1 is 2");
  }
}

TEST(GradcheckDiagnosis, TheScaleOfAttentionIsForgotten) {
  const TensorList in = {random_leaf("q", {2, 3, 8}), random_leaf("k", {2, 3, 8}), random_leaf("v", {2, 3, 8})};
  const TensorFunction right = [](const TensorList& in) -> TensorList {
    return {scaled_dot_product_attention(in[0], in[1], in[2])};
  };
  const Bug bug = [](TensorList gradients) {
    gradients[0] = gradients[0] * std::sqrt(8.0);
    return gradients;
  };
  const GradcheckResult result = gradcheck(with_bug(right, "scaled_dot_product_attention", bug), in);
  EXPECT_EQ(result.rows[0].diagnosis, "off by sqrt(8): the scale 1/sqrt(d_k) of attention?");
  EXPECT_EQ(result.rows[1].verdict, Verdict::pass);
}

// ---- large tensors ----

// Directions say that the tensor is wrong; halving finds where.
TEST(GradcheckDiagnosis, OneEntryOfAHundredThousand) {
  const TensorList in = {random_leaf("small", {4}), random_leaf("large", {500, 200})};
  const TensorFunction right = [](const TensorList& in) -> TensorList { return {tanh(in[1]), exp(in[0])}; };
  for (const int64_t at : {0, 77777}) {
    const Bug bug = [at](TensorList gradients) {
      gradients[0].data<double>()[at] *= 2;
      return gradients;
    };
    const GradcheckResult result = gradcheck(with_bug(right, "tanh", bug), in, {.fast_mode = true});
    EXPECT_EQ(result.rows[0].verdict, Verdict::pass) << result;
    EXPECT_EQ(result.rows[1].failed, 1) << result;
    EXPECT_EQ(result.rows[1].worst.index, (std::vector<int64_t>{at / 200, at % 200})) << result;
    EXPECT_EQ(result.rows[1].diagnosis, "one entry alone is wrong");
  }
}

}  // namespace
}  // namespace transformlet
