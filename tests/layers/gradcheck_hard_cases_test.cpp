// Ten cases that are hard for finite differences: each has the verdict that is right, and a planted bug is found.
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "autograd/gradcheck.h"
#include "layers/decoder.h"
#include "tests/planted_bug.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

TensorFunction of(const std::function<Tensor(const TensorList&)>& call) {
  return [call](const TensorList& in) -> TensorList { return {call(in)}; };
}

Tensor leaf_of(const std::vector<double>& values, const Shape& shape) {
  return leaf(tensor(values, shape, DType::float64), "x");
}

// Entry by entry and by directions.
void expect_verdict(Verdict expected, const TensorFunction& function, const TensorList& in, int64_t most_entries = 0) {
  for (const bool fast : {false, true}) {
    const GradcheckResult result = gradcheck(function, in, {.fast_mode = fast, .max_entries = most_entries});
    EXPECT_EQ(result.verdict(), expected) << (fast ? "by directions\n" : "by entries\n") << result;
  }
}
void expect_pass(const TensorFunction& function, const TensorList& in, int64_t most_entries = 0) {
  expect_verdict(Verdict::pass, function, in, most_entries);
}
void expect_fail(const TensorFunction& function, const TensorList& in, int64_t most_entries = 0) {
  expect_verdict(Verdict::fail, function, in, most_entries);
}

// 0.001 where a bug of a factor would leave a zero as it is.
TensorList leaks(TensorList gradients) {
  for (Tensor& gradient : gradients) {
    if (gradient.defined()) gradient = gradient + 1e-3;
  }
  return gradients;
}

// ---- 1 ----

// Two logits of 10,000 compete and the others have lost. The first step is as large as the logits, and passes over all
// that happens between the two, which is one unit wide.
TEST(GradcheckHardCases, SaturatedSoftmaxWithTwoThatCompete) {
  const Tensor x = leaf_of({1e4, 1e4 - 1, 0, -1e4}, {4});
  const TensorFunction function = of([](const TensorList& in) { return softmax(in[0]); });
  expect_pass(function, {x});
  expect_fail(with_bug(function, "softmax"), {x});
}

// One logit has won for good: the gradient is exactly zero, and so is every difference. No factor can make it wrong.
TEST(GradcheckHardCases, SaturatedSoftmaxWithOneWinner) {
  const Tensor x = leaf_of({1e4, 0, -1e4}, {3});
  const TensorFunction function = of([](const TensorList& in) { return softmax(in[0]); });
  expect_pass(function, {x});
  EXPECT_EQ(gradcheck(function, {x}).findings.at(0).kind, Finding::zero_gradient);
  expect_pass(with_bug(function, "softmax"), {x});
  expect_fail(with_bug(function, "softmax", leaks), {x});
}

TEST(GradcheckHardCases, SaturatedAttention) {
  const Tensor q = leaf(random_tensor("q", {3, 4}) * 100.0, "q"), k = leaf(random_tensor("k", {5, 4}) * 100.0, "k"),
               v = random_leaf("v", {5, 2});
  const TensorFunction function = of([](const TensorList& in) {
    return scaled_dot_product_attention(reshape(in[0], {1, 3, 4}), reshape(in[1], {1, 5, 4}),
                                        reshape(in[2], {1, 5, 2}));
  });
  expect_pass(function, {q, k, v});
  expect_fail(with_bug(function, "scaled_dot_product_attention"), {q, k, v});
}

// ---- 2 ----

// Queries that see nothing give zeros with zero gradients, which nothing disturbs: that is proof enough.
TEST(GradcheckHardCases, FullyMaskedRows) {
  const TensorList in = {random_leaf("q", {2, 3, 4}), random_leaf("k", {2, 3, 4}), random_leaf("v", {2, 3, 4})};
  const TensorFunction function = of([](const TensorList& in) {
    return scaled_dot_product_attention(in[0], in[1], in[2], Mask::padding({0, 2}));
  });
  expect_pass(function, in);
  expect_fail(with_bug(function, "scaled_dot_product_attention"), in);
  const GradcheckResult result = gradcheck(with_bug(function, "scaled_dot_product_attention",
                                                    [](TensorList gradients) {
                                                      gradients[0].data<double>()[0] =
                                                          1e-3;  // of a query that sees nothing
                                                      return gradients;
                                                    }),
                                           in);
  EXPECT_EQ(result.rows[0].failed, 1) << result;
  EXPECT_EQ(result.rows[0].diagnosis,
            "one entry alone: a gradient where the function does not depend on the input: is a mask ignored in the "
            "backward pass?");
}

// ---- 3 ----

// One position: the weight is 1 whatever the query and the key are.
TEST(GradcheckHardCases, OnePosition) {
  const TensorList in = {random_leaf("q", {2, 1, 4}), random_leaf("k", {2, 1, 4}), random_leaf("v", {2, 1, 4})};
  const TensorFunction function =
      of([](const TensorList& in) { return scaled_dot_product_attention(in[0], in[1], in[2], Mask::causal()); });
  expect_pass(function, in);
  expect_fail(with_bug(function, "scaled_dot_product_attention"), in);
  expect_fail(with_bug(function, "scaled_dot_product_attention", leaks), in);
}

// ---- 4 ----

// Heads of one number: products of scalars, and no scale to speak of.
TEST(GradcheckHardCases, HeadsOfSizeOne) {
  for (const int64_t heads : {1, 3}) {
    const TensorList in = {random_leaf("q", {2, 3, heads}), random_leaf("k", {2, 4, heads}),
                           random_leaf("v", {2, 4, heads})};
    const TensorFunction function =
        of([heads](const TensorList& in) { return multihead_attention(in[0], in[1], in[2], heads); });
    expect_pass(function, in);
    expect_fail(with_bug(function, "multihead_attention"), in);
  }
}

// ---- 5 ----

// Rows that are constant but for a millionth, or a billionth. With the usual epsilon the norm is smooth on a scale of
// sqrt(epsilon), a thousandth of the numbers themselves. Without it the scale is the deviation; rounding of the inputs
// is then 1e-10, or 1e-7, of what the norm shows. From billionths the gain gets a gradient of few digits, which can't
// be resolved to a millionth; a factor of two can.
TEST(GradcheckHardCases, NearlyConstantRowsInANorm) {
  for (const double deviation : {1e-3, 1e-6, 1e-9}) {
    for (const double epsilon : {1e-5, 1e-12, 0.0}) {
      const Tensor x = leaf(3.0 + random_tensor("x", {2, 6}) * deviation, "x");
      const TensorFunction function =
          of([epsilon](const TensorList& in) { return layer_norm(in[0], in[1], in[2], epsilon); });
      const TensorList in = {x, random_leaf("gain", {6}), random_leaf("bias", {6})};
      SCOPED_TRACE(fmt::format("deviation {}, epsilon {}", deviation, epsilon));
      for (const bool fast : {false, true}) {
        const GradcheckResult right = gradcheck(function, in, {.fast_mode = fast});
        EXPECT_EQ(right.verdict(), deviation < 1e-8 ? Verdict::unchecked : Verdict::pass) << right;
        const bool lost = deviation < 1e-8 && epsilon == 0;
        EXPECT_EQ(right.rows[0].verdict, lost ? Verdict::unchecked : Verdict::pass) << right;
        const GradcheckResult wrong = gradcheck(with_bug(function, "layer_norm"), in, {.fast_mode = fast});
        EXPECT_EQ(wrong.verdict(), Verdict::fail) << wrong;
        EXPECT_NE(wrong.rows[0].verdict, Verdict::pass) << wrong;
      }
    }
  }
}

// ---- 6 ----

// Derivatives of 48 blocks, one after the other: each parameter's share is small, and rounding adds up. By directions
// this takes seconds.
TEST(GradcheckHardCases, FortyEightBlocks) {
  Parameters parameters;
  const Encoder model(Scope(parameters, 1, DType::float64), {.num_layers = 48,
                                                             .num_heads = 2,
                                                             .d_model = 8,
                                                             .d_ff = 8,
                                                             .norm_position = NormPosition::pre,
                                                             .activation = Activation::gelu,
                                                             .final_norm = true});
  TensorList in = {random_leaf("x", {1, 3, 8})};
  for (const Tensor& parameter : parameters.tensors()) in.push_back(parameter);
  const TensorFunction function =
      of([&](const TensorList& in) { return model(in[0], Mask::causal(), Pass::evaluation()); });
  const GradcheckResult right = gradcheck(function, in, {.fast_mode = true});
  EXPECT_TRUE(right.ok()) << right;
  // In block 40: its own attention, and all that comes before it, is off; the blocks after it are right.
  const GradcheckResult wrong = gradcheck(with_bug(function, "packed_attention", twice, 7), in, {.fast_mode = true});
  EXPECT_EQ(wrong.verdict(), Verdict::fail);
  for (const GradcheckRow& row : wrong.rows) {
    if (row.name.starts_with("blocks.40.attention.qkv")) {
      EXPECT_EQ(row.verdict, Verdict::fail) << row.name;
    }
    if (row.name.starts_with("blocks.41")) {
      EXPECT_EQ(row.verdict, Verdict::pass) << row.name;
    }
  }
}

// ---- 7 ----

// A step in proportion to 1e-310 would be far below what any function notices. Where the function is smooth on a scale
// of 1, steps grow until it does.
TEST(GradcheckHardCases, DenormalInputs) {
  const Tensor x = leaf_of({1e-310, -3e-310, 4.9e-324}, {3});
  const TensorFunction smooth = of([](const TensorList& in) { return exp(in[0]); });
  expect_pass(smooth, {x});
  expect_fail(with_bug(smooth, "exp"), {x});
  // 2 x is itself denormal: beside anything else it is nothing, and nobody can say whether it is right.
  const TensorFunction flat = of([](const TensorList& in) { return square(in[0]); });
  for (const TensorFunction& function : {flat, with_bug(flat, "square")}) {
    const GradcheckResult result = gradcheck(function, {x});
    EXPECT_EQ(result.verdict(), Verdict::unchecked) << result;
    EXPECT_EQ(result.rows[0].passed, 0) << result;
  }
}

// ---- 8 ----

// Weights of 1e8 before a norm, which takes the size out again.
TEST(GradcheckHardCases, HugeParameters) {
  const Tensor x = random_leaf("x", {3, 4}), w = leaf(random_tensor("w", {5, 4}) * 1e8, "w");
  const TensorFunction function =
      of([](const TensorList& in) { return layer_norm(linear(in[0], in[1]), full({5}, 1, DType::float64), Tensor()); });
  expect_pass(function, {x, w});
  expect_fail(with_bug(function, "linear"), {x, w});
  // Without a norm: gradients of 1e8 beside gradients of 1.
  const TensorFunction plain = of([](const TensorList& in) { return linear(in[0], in[1]); });
  expect_pass(plain, {x, w});
  expect_fail(with_bug(plain, "linear"), {x, w});
}

// ---- 9 ----

// Logits whose targets are ignored: their gradients are exactly zero, and nothing disturbs them.
TEST(GradcheckHardCases, ALossThatIgnoresOutputs) {
  const TensorList in = {random_leaf("logits", {4, 5})};
  const TensorFunction function = of([](const TensorList& in) {
    return cross_entropy(in[0], Tokens({1, -100, 3, -100}, {4}));
  });
  const GradcheckResult result = gradcheck(function, in);
  EXPECT_EQ(result.rows[0].passed, 20) << result;
  expect_pass(function, in);
  expect_fail(with_bug(function, "cross_entropy"), in);
  const GradcheckResult leaking = gradcheck(with_bug(function, "cross_entropy",
                                                     [](TensorList gradients) {
                                                       for (int i = 5; i < 10; ++i)
                                                         gradients[0].data<double>()[i] = 0.1;
                                                       return gradients;
                                                     }),
                                            in);
  EXPECT_EQ(leaking.rows[0].diagnosis,
            "a gradient where the function does not depend on the input: is a mask ignored in the backward pass?; only "
            "where axis 0 is 1");
}

// ---- 10 ----

// The embedding's gradient is a sum of two that differ much. A bug in one of them alone must show in the sum.
TEST(GradcheckHardCases, ATiedEmbedding) {
  Parameters parameters;
  const Decoder model(Scope(parameters, 1, DType::float64),
                      {.blocks = {.num_layers = 1,
                                  .num_heads = 2,
                                  .d_model = 4,
                                  .d_ff = 6,
                                  .norm_position = NormPosition::pre,
                                  .activation = Activation::gelu,
                                  .final_norm = true}},
                      {.vocab_size = 7, .classes = 7, .max_length = 4});
  const Tokens ids({2, 0, 2, 1, 4, 2}, {2, 3});
  const TensorFunction function = of([&](const TensorList&) { return model(ids, {}, Pass::evaluation()); });
  expect_pass(function, parameters.tensors(), 8);
  for (const char* op : {"gather_rows", "linear"}) {
    const GradcheckResult result = gradcheck(with_bug(function, op), parameters.tensors(), {.max_entries = 28});
    EXPECT_EQ(result.rows[0].name, "embedding.weight");
    EXPECT_EQ(result.rows[0].verdict, Verdict::fail) << op << '\n' << result;
  }
}

}  // namespace
}  // namespace transformlet
