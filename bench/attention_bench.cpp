// Attention as an op against its kernels on pointers: what shapes, checks, the pool and the graph cost.
#include <cmath>

#include "autograd/attention.h"
#include "autograd/kernels/attention.h"
#include "base/random.h"
#include "bench/side_by_side.h"

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

void attention_forward(benchmark::State& state) {
  const Operands x(state);
  Tensor y = empty_like(x.q), normaliser = empty({x.samples, x.heads, x.length}, DType::float32);
  const auto op = [&] { benchmark::DoNotOptimize(scaled_dot_product_attention(x.q, x.k, x.v)); };
  const auto kernel = [&] {
    kernels::attention<float>().forward(x.problem(), x.q.data<float>(), x.k.data<float>(), x.v.data<float>(),
                                        y.data<float>(), normaliser.data<float>());
  };
  report(state, time_side_by_side(state, op, kernel));
}

void attention_forward_backward(benchmark::State& state) {
  const Operands x(state);
  Tensor y = empty_like(x.q), normaliser = empty({x.samples, x.heads, x.length}, DType::float32);
  Tensor dq = empty_like(x.q), dk = empty_like(x.k), dv = empty_like(x.v);
  const auto op = [&] {
    benchmark::DoNotOptimize(grad(scaled_dot_product_attention(x.q, x.k, x.v), {x.q, x.k, x.v}, {.seeds = {x.dy}}));
  };
  const auto kernel = [&] {
    const kernels::AttentionProblem problem = x.problem();
    const float *q = x.q.data<float>(), *k = x.k.data<float>(), *v = x.v.data<float>();
    kernels::attention<float>().forward(problem, q, k, v, y.data<float>(), normaliser.data<float>());
    kernels::attention<float>().backward(problem, q, k, v, std::as_const(y).data<float>(),
                                         std::as_const(normaliser).data<float>(), x.dy.data<float>(), dq.data<float>(),
                                         dk.data<float>(), dv.data<float>());
  };
  report(state, time_side_by_side(state, op, kernel));
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

}  // namespace
}  // namespace transformlet
