// on_gradient: a target's gradient is handed over as soon as it is complete, so that it need not be kept.
#include <gtest/gtest.h>

#include "autograd/ops.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

// Tells when the walk passes: the identity, whose vjp writes to a log.
Tensor spy(const Tensor& x, const std::string& name, std::vector<std::string>& log) {
  auto vjp = [&log, name](const Backward& backward) -> TensorList {
    log.push_back(name);
    return {backward.dy()};
  };
  return record({.op = "spy", .inputs = {x}, .outputs = {detach(x)}, .vjp = vjp});
}

TEST(EngineCallback, ComesAsSoonAsTheGradientIsComplete) {
  std::vector<std::string> log;
  const Tensor first = random_leaf("first", {2}), second = random_leaf("second", {2}),
               third = random_leaf("third", {2});
  const Tensor a = spy(first, "back through a", log);
  const Tensor b = spy(a * second, "back through b", log);
  const Tensor y = sum(b * third);
  const TensorList left =
      grad(y, {first, second, third, b},
           {.on_gradient = [&](size_t target, Tensor) { log.push_back("target " + std::to_string(target)); }});
  EXPECT_EQ(log, (std::vector<std::string>{"target 3", "target 2", "back through b", "target 1", "back through a",
                                           "target 0"}));
  EXPECT_EQ(left.size(), 4u);
  for (const Tensor& gradient : left) EXPECT_FALSE(gradient.defined());
}

TEST(EngineCallback, EachTargetComesOnceWithItsWholeGradient) {
  const Tensor x = random_leaf("x", {3}), unused = random_leaf("unused", {2});
  const Tensor middle = exp(x);
  const auto loss = [&] { return sum(middle * x + middle * middle); };
  const TensorList expected = grad(loss(), {x, middle, unused, x}, {.keep_graph = true});
  std::vector<int> calls(4);
  TensorList gradients(4);
  grad(loss(), {x, middle, unused, x}, {.on_gradient = [&](size_t target, Tensor gradient) {
         ++calls[target];
         gradients[target] = gradient;
       }});
  EXPECT_EQ(calls, (std::vector<int>{1, 1, 1, 1}));
  EXPECT_TRUE(same_bits(expected, gradients));
}

TEST(EngineCallback, AGradientThatIsDroppedGivesItsMemoryBack) {
  const int64_t size = 1 << 16;
  std::vector<Tensor> parameters;
  for (int i = 0; i < 16; ++i) parameters.push_back(leaf(full({size}, 0.5, DType::float32)));
  const auto peak = [&](const GradOptions& options) {
    Tensor y = full({size}, 1, DType::float32);
    for (const Tensor& parameter : parameters) y = y + parameter;
    const Tensor loss = sum(y);
    y = {};
    int64_t most = 0;
    GradOptions watched = options;
    if (watched.on_gradient) {
      watched.on_gradient = [&](size_t, Tensor) { most = std::max(most, pool_statistics().live_bytes); };
    }
    const int64_t before = pool_statistics().live_bytes;
    const TensorList gradients = grad(loss, parameters, watched);
    most = std::max(most, pool_statistics().live_bytes);
    return most - before;
  };
  const int64_t one = size * 4;
  // The sum's vjp makes one gradient, which every addition passes on as it is.
  EXPECT_LE(peak({.on_gradient = [](size_t, Tensor) {}}), 3 * one);
}

}  // namespace
}  // namespace transformlet
