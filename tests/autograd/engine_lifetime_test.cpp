// Graphs that are long, stale, shared between threads; and where their memory comes from.
#include <gtest/gtest.h>

#include <ctime>
#include <thread>

#include "autograd/attention.h"
#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// Of the processor, so that a busy machine fails no test.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

#if defined(__SANITIZE_ADDRESS__)
constexpr double slowness = 20;  // instrumented
#else
constexpr double slowness = 1;
#endif

// A recursive walk or a recursive destructor needs about 100 bytes a node: 100 MB of stack, where there are 8.
TEST(EngineLifetime, AMillionNodesAreDifferentiatedAndReleased) {
  constexpr int length = 1'000'000;
  const int64_t nodes = live_nodes();
  for (const bool keep_graph : {true, false}) {  // released whole, or by the walk as it goes
    const double start = seconds();
    {
      const Tensor x = leaf(scalar(1, DType::float64));
      Tensor y = x;
      for (int i = 0; i < length; ++i) y = i % 2 == 0 ? y + 1.0 : y * 1.0;
      EXPECT_EQ(live_nodes(), nodes + length + 1);
      EXPECT_EQ(grad(y, {x}, {.keep_graph = keep_graph})[0].item(), 1);
    }
    EXPECT_EQ(live_nodes(), nodes);
    EXPECT_LT(seconds() - start, 4 * slowness);  // one to two microseconds a node; a quadratic walk would take hours
  }
}

TEST(EngineLifetime, AMillionNodesThatSaveEachOtherDieWithoutBeingWalked) {
  const int64_t nodes = live_nodes(), buffers = pool_statistics().live_buffers;
  {
    const Tensor x = leaf(scalar(1, DType::float64));
    Tensor y = x;
    for (int i = 0; i < 200'000; ++i) y = y * y;  // each saves its input, which holds the node before
  }
  EXPECT_EQ(live_nodes(), nodes);
  EXPECT_EQ(pool_statistics().live_buffers, buffers);
}

TEST(EngineLifetime, OverwritingWhatAGraphSavedIsNoticed) {
  Tensor weight = random_leaf("encoder.weight", {3, 3});
  const Tensor x = random_leaf("x", {2, 3});
  const Tensor y = sum(linear(x, weight));
  overwrite<double>(weight)[0] = 5;
  EXPECT_EQ(error_text([&] { grad(y, {x}); }),
            "grad: linear saved encoder.weight (3, 3), which has been overwritten since; compute the forward pass "
            "again");
  EXPECT_EQ(error_text([&] { grad(sum(linear(x, weight)), {x}); }), "no error");
  const Tensor z = sum(square(leaf(copy(x)) * 1.0));
  EXPECT_EQ(error_text([&] {
              Tensor made = z;
              overwrite<double>(made);
            }),
            "overwrite: only leaves can be written; a tensor of shape () was made by sum");
}

TEST(EngineLifetime, OverwritingWhatNoDerivativeNeedsIsAllowed) {
  Tensor bias = random_leaf("bias", {3});
  const Tensor x = random_leaf("x", {2, 3});
  const Tensor y = sum(square(x + bias));
  overwrite<double>(bias)[0] = 5;
  EXPECT_EQ(error_text([&] { grad(y, {x, bias}); }), "no error");
}

TEST(EngineLifetime, OverwritingIsNoticedByTheReferenceToo) {
  const HigherOrder guard;
  Tensor x = random_leaf("x", {2, 3});
  const Tensor y = sum(square(softmax(x)));  // the kernel needs its output alone
  overwrite<double>(x)[0] = 5;
  EXPECT_EQ(error_text([&] { grad(y, {x}, {.keep_graph = true}); }), "no error");
  EXPECT_EQ(error_text([&] { grad(y, {x}, {.differentiable = true}); }),
            "grad: softmax saved x (2, 3), which has been overwritten since; compute the forward pass again");
}

TEST(EngineLifetime, ActivationsDieAtTheirLastUse) {
  const int64_t size = 1 << 14, bytes = size * 8;
  const Tensor x = leaf(full({size}, 0.5, DType::float64));
  const int64_t before = pool_statistics().live_bytes;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = y + 1.0;  // saves nothing
  EXPECT_LE(pool_statistics().live_bytes - before, bytes);
  for (int i = 0; i < 10; ++i) y = square(y);  // saves its input
  EXPECT_LE(pool_statistics().live_bytes - before, 11 * bytes);
  const Tensor loss = sum(y);
  y = {};
  grad(loss, {x});  // the walk releases as it goes
  EXPECT_LE(pool_statistics().live_bytes - before, bytes);
}

// A small training step: what is allocated once comes from the pool ever after.
TEST(EngineLifetime, RepeatedStepsAskTheSystemForNoMemory) {
  Tensor weight = random_leaf("weight", {32, 32}, DType::float32), bias = random_leaf("bias", {32}, DType::float32);
  const Tensor x = random_tensor("x", {4, 16, 32}, DType::float32);
  std::vector<int64_t> allocations;
  for (int step = 0; step < 8; ++step) {
    const Tensor hidden = gelu(linear(x, weight, bias));
    const Tensor y = layer_norm(scaled_dot_product_attention(hidden, hidden, hidden, Mask::causal()), bias, bias);
    const TensorList gradients = grad(sum(square(y)), {weight, bias});
    float* const values = overwrite<float>(weight);
    for (int64_t i = 0; i < weight.size(); ++i) values[i] -= 1e-3f * gradients[0].data<float>()[i];
    allocations.push_back(pool_statistics().system_allocations);
  }
  for (size_t step = 3; step < allocations.size(); ++step) EXPECT_EQ(allocations[step], allocations[2]) << step;
}

// Four threads, each with graphs of its own over the same leaves.
TEST(EngineLifetime, ThreadsShareParametersButNotGraphs) {
  const Tensor weight = random_leaf("weight", {24, 24}), bias = random_leaf("bias", {24});
  const auto gradients = [&](int sample, bool differentiable) {
    const HigherOrder guard;
    const Tensor x = random_tensor("sample " + std::to_string(sample), {3, 5, 24});
    Tensor y = x;
    for (int i = 0; i < 3; ++i) y = gelu(linear(scaled_dot_product_attention(y, y, x), weight, bias));
    return grad(sum(y), {weight, bias}, {.differentiable = differentiable});
  };
  constexpr int threads = 4, rounds = 10;
  std::vector<TensorList> expected, found(threads);
  for (int i = 0; i < threads; ++i) expected.push_back(gradients(i, i % 2 == 1));
  std::vector<int> wrong(threads);
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        for (int round = 0; round < rounds; ++round) {
          if (i == 0) {
            const NoRecording off;  // of this thread alone
            wrong[0] += exp(weight).requires_grad();
          }
          wrong[static_cast<size_t>(i)] += !same_bits(gradients(i, i % 2 == 1), expected[static_cast<size_t>(i)]);
        }
      });
    }
  }
  EXPECT_EQ(wrong, std::vector<int>(threads, 0));
}

}  // namespace
}  // namespace transformlet
