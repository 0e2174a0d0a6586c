// grad(): which gradients it gives, in which order, and what it says when it can't.
#include <gtest/gtest.h>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using Numbers = std::vector<double>;

Tensor numbers(const Numbers& values, DType dtype = DType::float64) {
  return leaf(tensor(values, {static_cast<int64_t>(values.size())}, dtype));
}

TEST(Engine, GivesGradientsOfLeavesAndOfWhatLiesBetween) {
  const Tensor x = numbers({1, 2, 3});
  const Tensor middle = square(x), y = sum(middle * 5.0);
  const TensorList gradients = grad(y, {x, middle, y});
  EXPECT_EQ(gradients[0].to_vector(), (Numbers{10, 20, 30}));
  EXPECT_EQ(gradients[1].to_vector(), (Numbers{5, 5, 5}));
  EXPECT_EQ(gradients[2].item(), 1);
  EXPECT_FALSE(gradients[0].requires_grad());
}

TEST(Engine, SeedsWeighTheOutputs) {
  const Tensor x = numbers({1, 2, 3});
  const Tensor a = square(x), b = 2.0 * x;
  const Tensor u = tensor({1, 10, 100}, {3}, DType::float64), v = tensor({1, 0, -1}, {3}, DType::float64);
  EXPECT_EQ(grad(a, {x}, {.seeds = {u}})[0].to_vector(), (Numbers{2, 40, 600}));
  EXPECT_EQ(grad({square(x), b}, {x}, {.seeds = {u, v}})[0].to_vector(), (Numbers{4, 40, 598}));
  EXPECT_EQ(u.to_vector(), (Numbers{1, 10, 100}));  // not used as a place to add in
}

TEST(Engine, ASeedForTheSameOutputTwiceCountsTwice) {
  const Tensor x = numbers({3});
  const Tensor y = square(x), one = tensor({1}, {1}, DType::float64);
  EXPECT_EQ(grad({y, y}, {x, x}, {.seeds = {one, one}, .keep_graph = true})[1].to_vector(), (Numbers{12}));
  EXPECT_EQ(grad({y, x}, {x}, {.seeds = {one, one}})[0].to_vector(), (Numbers{7}));
  EXPECT_EQ(one.to_vector(), (Numbers{1}));
}

TEST(Engine, SaysWhatIsWrongWithSeedsAndTargets) {
  const Tensor x = numbers({1, 2});
  const Tensor narrow = tensor({1, 1}, {2}, DType::float32), other = scalar(1, DType::float64);
  const auto text = [&](const GradOptions& options) { return error_text([&] { grad(2.0 * x, {x}, options); }); };
  EXPECT_EQ(text({}), "grad: y of shape (2) is not one number; reduce it to a scalar, or give a seed");
  EXPECT_EQ(text({.seeds = {other, other}}), "grad: 2 seeds were given for 1 outputs");
  EXPECT_EQ(text({.seeds = {other}}), "grad: seed () of float64 does not match y (2) of float64");
  EXPECT_EQ(text({.seeds = {narrow}}), "grad: seed (2) of float32 does not match y (2) of float64");
  EXPECT_EQ(error_text([&] {
              grad(sum(x), {x, detach(x)});
            }),
            "grad: target 1 of shape (2) is a constant; make it a leaf() before it is used");
  EXPECT_EQ(error_text([&] { grad(Tensor(), {x}); }), "a tensor was used that was never given a value");
}

TEST(Engine, AGraphIsReleasedUnlessItIsKept) {
  const Tensor x = numbers({1, 2});
  const Tensor y = sum(square(x));
  EXPECT_EQ(grad(y, {x}, {.keep_graph = true})[0].to_vector(), (Numbers{2, 4}));
  EXPECT_EQ(grad(y, {x})[0].to_vector(), (Numbers{2, 4}));
  EXPECT_EQ(error_text([&] { grad(y, {x}); }),
            "grad: the graph through sum was released by an earlier grad; ask for keep_graph there, or compute the "
            "forward pass again");
}

TEST(Engine, WhatOneGradReleasesAnotherThatSharesItCannotUse) {
  const Tensor x = numbers({1, 2});
  const Tensor shared = exp(x), y = sum(shared), z = sum(square(shared));
  grad(y, {x});
  EXPECT_EQ(error_text([&] { grad(z, {x}); }),
            "grad: the graph through exp was released by an earlier grad; ask for keep_graph there, or compute the "
            "forward pass again");
  EXPECT_NEAR(grad(sum(square(exp(x))), {x})[0].to_vector()[0], 2 * std::exp(2.0), 1e-14);  // one rounding of exp
}

TEST(Engine, DiamondsCountEveryPath) {
  const Tensor x = numbers({2});
  const Tensor left = square(x), right = 3.0 * x, both = left * right;  // 3 x^3
  const Tensor y = both + left + right;                                 // and x^2 + 3 x
  EXPECT_EQ(grad(sum(y), {x})[0].to_vector(), (Numbers{36 + 4 + 3}));
  // Ten diamonds in a row: 2^10 paths, each node visited once.
  Tensor z = x;
  for (int i = 0; i < 10; ++i) z = z + z;
  EXPECT_EQ(grad(sum(z), {x})[0].to_vector(), (Numbers{1024}));
}

TEST(Engine, AnInputThatStandsThreeTimesCountsThreeTimes) {
  const Tensor x = numbers({2, 3});
  EXPECT_EQ(grad(sum(x * x * x), {x})[0].to_vector(), (Numbers{12, 27}));
  EXPECT_EQ(grad(sum(concatenate({x, x, x}, 0)), {x})[0].to_vector(), (Numbers{3, 3}));
  const Tensor one = numbers({5}), condition = tensor({1}, {1}, DType::float64);
  EXPECT_EQ(grad(sum(where(condition, one, one) + one), {one})[0].to_vector(), (Numbers{2}));
}

TEST(Engine, TargetsMayDependOnEachOther) {
  const Tensor x = numbers({2});
  const Tensor a = square(x), b = square(a), y = sum(b + a);
  const TensorList gradients = grad(y, {x, b, a, x});
  EXPECT_EQ(gradients[0].to_vector(), (Numbers{(2 * 4 + 1) * 4}));  // d(a^2 + a)/dx
  EXPECT_EQ(gradients[1].to_vector(), (Numbers{1}));
  EXPECT_EQ(gradients[2].to_vector(), (Numbers{9}));  // by all paths, through b too
  EXPECT_EQ(gradients[3].to_vector(), gradients[0].to_vector());
}

TEST(Engine, AGradientThatIsGivenOutIsNotAddedTo) {
  const Tensor x = numbers({2});
  const Tensor a = alias(x), y = sum(a + x);  // the gradient of a passes through to x, where another one is added
  const TensorList gradients = grad(y, {a, x});
  EXPECT_EQ(gradients[0].to_vector(), (Numbers{1}));
  EXPECT_EQ(gradients[1].to_vector(), (Numbers{2}));
}

TEST(Engine, TargetsOutOfReachGetZeros) {
  const Tensor x = numbers({1, 2}), unused = random_leaf("unused", {2, 3}, DType::float32);
  const Tensor y = sum(x), later = square(x);
  const TensorList gradients = grad(y, {unused, later, x});
  EXPECT_EQ(gradients[0].to_vector(), Numbers(6, 0.0));
  EXPECT_EQ(gradients[0].shape(), unused.shape());
  EXPECT_EQ(gradients[0].dtype(), DType::float32);
  EXPECT_EQ(gradients[1].to_vector(), (Numbers{0, 0}));
  EXPECT_EQ(gradients[2].to_vector(), (Numbers{1, 1}));
  EXPECT_EQ(grad(scalar(3, DType::float64), {x})[0].to_vector(), (Numbers{0, 0}));
}

TEST(Engine, DependsOnTellsZerosFromNoPath) {
  const Tensor x = numbers({1}), other = numbers({1});
  const Tensor y = sum(0.0 * square(x));
  EXPECT_EQ(depends_on(y, {x, other, detach(x), y}), (std::vector<bool>{true, false, false, true}));
  EXPECT_EQ(depends_on(detach(y), {x}), (std::vector<bool>{false}));
  EXPECT_EQ(grad(y, {x})[0].item(), 0);
}

TEST(Engine, NothingIsRecordedWhileRecordingIsOff) {
  const Tensor x = numbers({1});
  {
    const NoRecording off;
    EXPECT_FALSE(recording());
    EXPECT_FALSE(square(x).requires_grad());
    { const NoRecording nested; }
    EXPECT_FALSE(recording());
  }
  EXPECT_TRUE(recording());
  EXPECT_TRUE(square(x).requires_grad());
  EXPECT_FALSE(square(detach(x)).requires_grad());
}

TEST(Engine, DetachCutsOff) {
  const Tensor x = numbers({3});
  EXPECT_EQ(grad(sum(x * detach(x)), {x})[0].to_vector(), (Numbers{3}));
  EXPECT_EQ(op_of(detach(square(x))), std::string("constant"));
  EXPECT_EQ(op_of(square(x)), std::string("square"));
  EXPECT_TRUE(is_leaf(x));
}

// The gradients of the axes that were broadcast are sums over them.
TEST(Engine, GradientsAreSummedBackOverBroadcastAxes) {
  const Tensor a = random_leaf("a", {2, 1, 4}), b = random_leaf("b", {3, 1}), c = random_leaf("c", {});
  const TensorList gradients = grad(sum(a + b + c), {a, b, c});
  EXPECT_EQ(gradients[0].shape(), a.shape());
  EXPECT_EQ(gradients[0].to_vector(), Numbers(8, 3.0));
  EXPECT_EQ(gradients[1].to_vector(), Numbers(3, 8.0));
  EXPECT_EQ(gradients[2].item(), 24);
}

// Sum and product of two tensors at once. What nothing depends on comes to the vjp as a gradient of zeros.
TensorList sum_and_product(const Tensor& a, const Tensor& b) {
  auto vjp = [](const Backward& backward) -> TensorList {
    const Tensor &of_sum = backward.dys[0], &of_product = backward.dys[1];
    return {of_sum + of_product * backward.saved[1], of_sum + of_product * backward.saved[0]};
  };
  const NoRecording off;
  const TensorList outputs = {a + b, a * b};
  const RecordingIs on(true);
  return record_all({.op = "sum_and_product", .inputs = {a, b}, .outputs = outputs, .vjp = vjp, .saves = {a, b}});
}

TEST(Engine, AnOpMayHaveSeveralOutputs) {
  const Tensor a = numbers({2}), b = numbers({5});
  const TensorList ys = sum_and_product(a, b);
  const auto gradients = [&](const Tensor& y) {
    std::vector<double> values;
    for (const Tensor& x : grad(sum(y), {a, b, ys[0], ys[1]}, {.keep_graph = true})) values.push_back(x.item());
    return values;
  };
  EXPECT_EQ(gradients(ys[0]), (Numbers{1, 1, 1, 0}));
  EXPECT_EQ(gradients(ys[1]), (Numbers{5, 2, 0, 1}));
  EXPECT_EQ(gradients(ys[0] * ys[1]), (Numbers{10 + 7 * 5, 10 + 7 * 2, 10, 7}));
  EXPECT_EQ(depends_on(ys[0], {a, ys[0]}), (std::vector<bool>{true, true}));
  // And again, differentiated: d/da of (a + b) a b by a is 2 a b + b^2, and that by b is 2 a + 2 b.
  const Tensor first = grad(sum(ys[0] * ys[1]), {a}, {.differentiable = true})[0];
  EXPECT_EQ(first.item(), 45);
  EXPECT_EQ(grad(sum(first), {a, b})[0].item(), 10);
}

TEST(Engine, AnEmbeddingTiedToTheOutputGetsBothGradients) {
  const Tokens ids({1, 0, 1}, {3});
  const auto loss = [&](const Tensor& in, const Tensor& out) { return sum(square(linear(gather_rows(in, ids), out))); };
  const Tensor table = random_leaf("table", {4, 3}), in = leaf(detach(table)), out = leaf(detach(table));
  const TensorList apart = grad(loss(in, out), {in, out});
  EXPECT_LT(relative_distance(apart[0] + apart[1], grad(loss(table, table), {table})[0]), 1e-15);  // one rounding
}

}  // namespace
}  // namespace transformlet
