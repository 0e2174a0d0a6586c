// Attention as an op against its kernels on pointers: what shapes, checks, the pool and the graph cost. And the kernels
// against a large product: what is left of the machine's speed.
#include <cmath>

#include "autograd/attention.h"
#include "autograd/kernels/attention.h"
#include "base/random.h"
#include "bench/against_product.h"

namespace transformlet {
namespace {

struct Operands {
  explicit Operands(const benchmark::State& state)
      : samples(state.range(0)), heads(state.range(1)), length(state.range(2)), size(state.range(3)) {
    const Shape shape{samples, heads, length, size};
    for (Tensor* const x : {&q, &k, &v, &dy}) {
      *x = empty(shape, DType::float32);
      float* const data = x->data<float>();
      for (int64_t i = 0; i < x->size(); ++i) data[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
    }
    q = leaf(q);
    k = leaf(k);
    v = leaf(v);
  }

  // The op's own problem, on dense operands.
  kernels::AttentionProblem problem() const {
    const kernels::AttentionStrides dense{heads * length * size, length * size, size};
    kernels::AttentionProblem problem;
    problem.samples = samples;
    problem.heads = heads;
    problem.queries = problem.keys = length;
    problem.key_size = problem.value_size = size;
    problem.scale = 1 / std::sqrt(static_cast<double>(size));
    problem.q = problem.k = problem.v = problem.y = dense;
    return problem;
  }

  int64_t samples, heads, length, size;
  Tensor q, k, v, dy;
};

void report(benchmark::State& state, const SideBySide& times) {
  state.counters["kernel_us"] = 1e6 * times.yardstick;
  state.counters["op/kernel"] = times.ratio;
}

// Room for the results, and the kernels' calls.
struct Kernels {
  explicit Kernels(const Operands& operands)
      : x(operands),
        y(empty_like(x.q)),
        normaliser(empty({x.samples, x.heads, x.length}, DType::float32)),
        dq(empty_like(x.q)),
        dk(empty_like(x.k)),
        dv(empty_like(x.v)) {}

  void forward() {
    kernels::attention<float>().forward(x.problem(), x.q.data<float>(), x.k.data<float>(), x.v.data<float>(),
                                        y.data<float>(), normaliser.data<float>());
  }
  void forward_backward() {
    forward();
    kernels::attention<float>().backward(x.problem(), x.q.data<float>(), x.k.data<float>(), x.v.data<float>(),
                                         std::as_const(y).data<float>(), std::as_const(normaliser).data<float>(),
                                         x.dy.data<float>(), dq.data<float>(), dk.data<float>(), dv.data<float>());
  }

  const Operands& x;
  Tensor y, normaliser, dq, dk, dv;
};

void attention_forward(benchmark::State& state) {
  const Operands x(state);
  Kernels kernels(x);
  const auto op = [&] { benchmark::DoNotOptimize(scaled_dot_product_attention(x.q, x.k, x.v)); };
  report(state, time_side_by_side(state, op, [&] { kernels.forward(); }));
}

void attention_forward_backward(benchmark::State& state) {
  const Operands x(state);
  Kernels kernels(x);
  const auto op = [&] {
    benchmark::DoNotOptimize(grad(scaled_dot_product_attention(x.q, x.k, x.v), {x.q, x.k, x.v}, {.seeds = {x.dy}}));
  };
  report(state, time_side_by_side(state, op, [&] { kernels.forward_backward(); }));
}

// Multiplications of one product of all queries with all keys.
double one_product(const Operands& x) {
  return static_cast<double>(x.samples * x.heads * x.length * x.length * x.size);
}

void attention_forward_kernel(benchmark::State& state) {
  const Operands x(state);
  Kernels kernels(x);
  against_product(state, 2 * one_product(x), [&] { kernels.forward(); });
}

// Six products that the mathematics needs; that the weights are computed again does not count.
void attention_forward_backward_kernel(benchmark::State& state) {
  const Operands x(state);
  Kernels kernels(x);
  against_product(state, 6 * one_product(x), [&] { kernels.forward_backward(); });
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"B", "H", "T", "D"})
      ->Args({128, 1, 16, 32})
      ->Args({8, 4, 64, 32})
      ->Args({2, 4, 256, 32})
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(attention_forward)->Apply(sizes);
BENCHMARK(attention_forward_backward)->Apply(sizes);

void kernel_sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"B", "H", "T", "D"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int64_t size : {8, 32, 64, 128}) {
    for (const int64_t length : {16, 64, 256, 1024, 4096}) {
      benchmark->Args({std::max<int64_t>(1, 2048 / length), std::max<int64_t>(1, 128 / size), length, size});
    }
  }
}
BENCHMARK(attention_forward_kernel)->Apply(kernel_sizes);
BENCHMARK(attention_forward_backward_kernel)->Apply(kernel_sizes);

}  // namespace
}  // namespace transformlet
