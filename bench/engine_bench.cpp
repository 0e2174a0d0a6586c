// What the engine costs: recording an op, walking it back and letting it go, beyond the op's kernels. Chains of many
// small ops against the same kernel calls in a plain loop.
#include "autograd/graph.h"
#include "autograd/kernels/arithmetic.h"
#include "autograd/kernels/functions.h"
#include "autograd/ops.h"
#include "bench/side_by_side.h"

namespace transformlet {
namespace {

constexpr int chain_length = 10000;

template <class Op, class Kernels>
void chain(benchmark::State& state, const Op& op, const Kernels& kernels) {
  const Tensor x = leaf(tensor({1.0}, {1}, DType::float32));
  // As in training, threads are running: until the first has started, reference counts are not atomic, thus cheaper.
  benchmark::DoNotOptimize(full({1 << 20}, 1.0, DType::float32) + 1.0);
  const auto through_the_engine = [&] {
    Tensor y = x;
    for (int i = 0; i < chain_length; ++i) y = op(y);
    benchmark::DoNotOptimize(grad(y, {x}));
  };
  const auto kernels_alone = [&] {
    for (int i = 0; i < chain_length; ++i) kernels();
  };
  const SideBySide times = time_side_by_side(state, through_the_engine, kernels_alone);
  state.counters["ns/op"] = 1e9 * times.subject / chain_length;
  state.counters["overhead_ns/op"] = 1e9 * (times.subject - times.yardstick) / chain_length;
}

void affine_chain(benchmark::State& state) {
  float from = 1, to = 0;
  const auto scale = [&] {
    benchmark::DoNotOptimize(from);
    kernels::functions<float>().affine(1, 0.5f, 0.0f, &from, &to);
    benchmark::DoNotOptimize(to);
  };
  chain(
      state, [](const Tensor& y) { return affine(y, 0.5, 0.0); },
      [&] {  // once forward, once back
        scale();
        scale();
      });
}

void add_chain(benchmark::State& state) {
  const Tensor one = scalar(1.0, DType::float32);
  float a = 1, b = 1, sum = 0;
  const int64_t shape[] = {1};
  chain(
      state, [&](const Tensor& y) { return y + one; },
      [&] {
        benchmark::DoNotOptimize(a);
        const kernels::Broadcast<2> plan(shape, {std::span<const int64_t>(shape), std::span<const int64_t>()});
        kernels::arithmetic<float>().add(plan, &a, &b, &sum);
        benchmark::DoNotOptimize(sum);
      });
}

void alias_chain(benchmark::State& state) {
  chain(
      state, [](const Tensor& y) { return alias(y); }, [] {});
}

BENCHMARK(affine_chain)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(add_chain)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(alias_chain)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace transformlet
