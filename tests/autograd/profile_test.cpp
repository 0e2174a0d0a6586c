#include "autograd/profile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

#include "autograd/attention.h"
#include "autograd/catalogue.h"
#include "autograd/recompute.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using Counts = std::map<std::string, std::pair<int64_t, int64_t>>;  // op -> calls forward and backward

Counts counts_of(const Profile& profile) {
  Counts counts;
  for (const auto& [name, op] : profile.ops()) counts[name] = {op.forward.calls, op.backward.calls};
  return counts;
}

constexpr auto nap = std::chrono::milliseconds(50);
constexpr double nap_seconds = 0.05;

// An op that takes a nap each way.
Tensor sleepy(const Tensor& x) {
  std::this_thread::sleep_for(nap);
  auto vjp = [](const Backward& backward) -> TensorList {
    std::this_thread::sleep_for(nap);
    return {backward.dy()};
  };
  return record({.op = "sleepy", .inputs = {x}, .outputs = {copy(x)}, .vjp = vjp});
}

TEST(Profile, CountsEveryCallByItsOp) {
  const Tensor x = random_tensor("x", {3, 4}), weight = random_leaf("weight", {4, 4});
  Profile profile;
  {
    const Profiling on(profile);
    const Tensor y = relu(linear(relu(linear(x, weight)), weight));
    relu(y);  // goes nowhere: no derivative
    grad(sum(square(y)), {weight});
  }
  relu(linear(x, weight));  // after the guard: not counted
  EXPECT_EQ(counts_of(profile), (Counts{{"linear", {2, 2}}, {"relu", {3, 2}}, {"square", {1, 1}}, {"sum", {1, 1}}}));
}

TEST(Profile, NothingIsReportedWithoutRecording) {
  const Tensor x = random_leaf("x", {3});
  Profile profile;
  const Profiling on(profile);
  const NoRecording off;
  exp(x);
  EXPECT_EQ(counts_of(profile), Counts{});
}

TEST(Profile, AnInnerProfileTakesOverUntilItsEnd) {
  const Tensor x = random_leaf("x", {3});
  Profile outer, inner;
  const Profiling on(outer);
  {
    const Profiling on_inner(inner);
    exp(x);
  }
  tanh(x);
  EXPECT_EQ(counts_of(inner), (Counts{{"exp", {1, 0}}}));
  EXPECT_EQ(counts_of(outer), (Counts{{"tanh", {1, 0}}}));
}

TEST(Profile, OtherThreadsAreNotSeen) {
  Profile profile;
  const Profiling on(profile);
  std::thread([] { exp(random_leaf("x", {3})); }).join();
  EXPECT_EQ(counts_of(profile), Counts{});
}

TEST(Profile, TimeGoesToTheOpThatTookIt) {
  const Tensor x = random_leaf("x", {3});
  Profile profile;
  const auto start = std::chrono::steady_clock::now();
  {
    const Profiling on(profile);
    const Tensor y = sum(tanh(sleepy(tanh(sleepy(x)))));
    std::this_thread::sleep_for(nap);  // between the passes: nobody's
    grad(y, {x});
    std::this_thread::sleep_for(nap);
    profile.part("nap");
    std::this_thread::sleep_for(nap);
    profile.skip();
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Profile::Op sleepers = profile.ops().at("sleepy"), rest = profile.ops().at("tanh");
  EXPECT_GE(sleepers.forward.seconds, 2 * nap_seconds);
  EXPECT_GE(sleepers.backward.seconds, 2 * nap_seconds);
  EXPECT_GE(profile.parts().at("nap"), nap_seconds);
  // Three numbers need no milliseconds, unless the machine is very busy.
  EXPECT_LT(rest.forward.seconds, nap_seconds);
  EXPECT_LT(rest.backward.seconds, nap_seconds);
  EXPECT_LT(profile.parts().at("walk"), nap_seconds);
  EXPECT_LE(profile.seconds(), wall - 2 * nap_seconds);
  EXPECT_GE(profile.seconds(), 5 * nap_seconds);
}

// The ops inside count under their own names, once; the time of all is still that of the clock.
TEST(Profile, RecomputationIsNotCountedTwice) {
  const Tensor x = random_leaf("x", {3});
  const auto function = [](const TensorList& in) { return sleepy(in[0]); };
  Profile profile;
  const auto start = std::chrono::steady_clock::now();
  {
    const Profiling on(profile);
    grad(sum(recompute(function, {x})), {x});
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(counts_of(profile).at("sleepy"), (std::pair<int64_t, int64_t>(2, 1)));
  EXPECT_EQ(counts_of(profile).at("recompute"), (std::pair<int64_t, int64_t>(1, 1)));
  EXPECT_GE(profile.ops().at("sleepy").forward.seconds, 2 * nap_seconds);
  EXPECT_LT(profile.ops().at("recompute").backward.seconds, nap_seconds);
  EXPECT_LE(profile.seconds(), wall);
}

struct Products {
  double forward, backward;
};

// Of the op, when the gradients of all inputs that are leaves are asked for.
Products products_of(const std::string& op, const TensorList& inputs,
                     const std::function<Tensor(const TensorList&)>& call) {
  Profile profile;
  const Profiling on(profile);
  TensorList targets;
  for (const Tensor& x : inputs) {
    if (x.requires_grad()) targets.push_back(x);
  }
  grad(sum(call(inputs)), targets);
  const Profile::Op times = profile.ops().at(op);
  EXPECT_EQ(times.forward.product_operations + times.backward.product_operations, profile.product_operations());
  return {times.forward.product_operations, times.backward.product_operations};
}

void expect_products(const Products& products, double forward, double backward) {
  EXPECT_EQ(products.forward, forward);
  EXPECT_EQ(products.backward, backward);
}

TEST(Profile, CountsTheOperationsOfProducts) {
  const auto affine_map = [](const TensorList& in) { return linear(in[0], in[1]); };
  const Tensor weight = random_leaf("w", {5, 4});
  // (6, 4) times (4, 5): 30 sums of 4 products.
  expect_products(products_of("linear", {random_leaf("x", {2, 3, 4}), weight}, affine_map), 240, 480);
  expect_products(products_of("linear", {random_tensor("x", {2, 3, 4}), weight}, affine_map), 240, 240);

  // 7 products of (2, 3) and (3, 5), however they are laid out.
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      const Tensor a = random_leaf("a", transpose_a ? Shape{7, 3, 2} : Shape{7, 2, 3});
      const Tensor b = random_leaf("b", transpose_b ? Shape{5, 3} : Shape{3, 5});
      const auto call = [&](const TensorList& in) { return matmul(in[0], in[1], transpose_a, transpose_b); };
      expect_products(products_of("matmul", {a, b}, call), 7 * 60, 2 * 7 * 60);
    }
  }

  // Two samples of three heads: scores of 5 queries and 6 keys of size 4, then values of size 7.
  const auto sdpa = [](const TensorList& in) { return scaled_dot_product_attention(in[0], in[1], in[2]); };
  const double pairs = 2 * 3 * 5 * 6;
  expect_products(
      products_of("scaled_dot_product_attention",
                  {random_leaf("q", {2, 3, 5, 4}), random_leaf("k", {2, 3, 6, 4}), random_leaf("v", {2, 3, 6, 7})},
                  sdpa),
      pairs * 2 * (4 + 7), 2 * pairs * 2 * (4 + 7));
  const auto packed = [](const TensorList& in) { return packed_attention(in[0], 3, Mask::causal()); };
  const double packed_pairs = 2 * 3 * (1 + 2 + 3 + 4 + 5);
  expect_products(products_of("packed_attention", {random_leaf("qkv", {2, 5, 36})}, packed), packed_pairs * 4 * 4,
                  2 * packed_pairs * 4 * 4);

  expect_products(products_of("exp", {random_leaf("x", {3})}, [](const TensorList& in) { return exp(in[0]); }), 0, 0);
}

// A gradient that can be differentiated again is made of ops, which count for themselves.
TEST(Profile, DifferentiableGradientsCountTheirProductsOnce) {
  const Tensor a = random_leaf("a", {2, 3}), b = random_leaf("b", {3, 5});
  Profile profile;
  const Profiling on(profile);
  grad(sum(matmul(a, b)), {a, b}, {.differentiable = true});
  EXPECT_EQ(profile.product_operations(), 3 * 60);
}

// An op with a product in its name that the count does not know would be missing from every benchmark.
TEST(Profile, KnowsEveryOpWithProducts) {
  int found = 0;
  for (const OpSample& sample : valid_samples()) {
    const bool has_products = sample.op.find("linear") != std::string::npos ||
                              sample.op.find("matmul") != std::string::npos ||
                              sample.op.find("attention") != std::string::npos;
    const TensorList inputs = random_inputs(sample, DType::float32);
    const bool is_empty = std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.size() == 0; });
    if (!has_products || is_empty) continue;
    Profile profile;
    const Profiling on(profile);
    sample.call(inputs);
    EXPECT_GT(profile.product_operations(), 0) << sample.full_name();
    ++found;
  }
  EXPECT_GT(found, 10);
}

}  // namespace
}  // namespace transformlet
