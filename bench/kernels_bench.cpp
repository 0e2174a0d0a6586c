// Kernels beside their bounds: products against one large square product, all else against copying as many bytes.
#include "autograd/kernels/activations.h"
#include "autograd/kernels/norm.h"
#include "autograd/kernels/optimizer.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/reduce.h"
#include "autograd/kernels/softmax.h"
#include "bench/against_product.h"

namespace transformlet {
namespace {

// ---- products ----

void matmul_kernel(benchmark::State& state) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Tensor a = sine_values({m, k}), b = sine_values({k, n});
  Tensor c = empty({m, n}, DType::float32);
  against_product(state, static_cast<double>(m * n * k), [&] { multiply_matrices(a, b, c); });
}
BENCHMARK(matmul_kernel)
    ->ArgNames({"m", "n", "k"})
    ->Args({2048, 96, 32})
    ->Args({2048, 32, 32})
    ->Args({2048, 64, 32})
    ->Args({2048, 32, 64})
    ->Args({32, 32, 2048})
    ->Args({128, 128, 128})
    ->Args({512, 512, 512})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// Many small products, as the scores and the sums of values of attention's heads are.
void batched_products(benchmark::State& state) {
  const int64_t count = state.range(0), m = state.range(1), n = state.range(2), k = state.range(3);
  const Tensor a = sine_values({count, m, k}), b = sine_values({count, n, k});
  Tensor c = empty({count, m, n}, DType::float32);
  std::vector<const float*> as, bs;
  std::vector<float*> cs;
  for (int64_t i = 0; i < count; ++i) {
    as.push_back(a.data<float>() + i * m * k);
    bs.push_back(b.data<float>() + i * n * k);
    cs.push_back(c.data<float>() + i * m * n);
  }
  against_product(state, static_cast<double>(count * m * n * k), [&] {
    kernels::matmul<float>().batch({.transpose_b = true, .m = m, .n = n, .k = k, .lda = k, .ldb = k, .ldc = n}, count,
                                   as.data(), bs.data(), cs.data());
  });
}
BENCHMARK(batched_products)
    ->ArgNames({"count", "m", "n", "k"})
    ->Args({128, 16, 16, 32})
    ->Args({128, 16, 32, 16})
    ->Args({48, 64, 64, 32})
    ->Args({16, 256, 256, 64})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// ---- what memory bounds ----

// Times a kernel against a copy that reads and writes as many bytes.
template <class Kernel>
void against_copy(benchmark::State& state, int64_t floats_moved, const Kernel& kernel) {
  const Tensor from = sine_values({floats_moved / 2});
  Tensor to = empty_like(from);
  const auto copy_bytes = [&] {
    const float* const x = from.data<float>();
    float* const y = to.data<float>();
    kernels::for_elements(from.size(), [=](int64_t begin, int64_t end) { std::copy(x + begin, x + end, y + begin); });
  };
  const SideBySide times = time_side_by_side(state, kernel, copy_bytes);
  const double gigabytes = 4e-9 * static_cast<double>(floats_moved);
  state.counters["GB/s"] = gigabytes / times.subject;
  state.counters["copy_GB/s"] = gigabytes / times.yardstick;
  state.counters["of_bound"] = 1 / times.ratio;
}

// x and dy (rows, columns), room for y and dx, and what norms keep.
struct Rows {
  explicit Rows(const benchmark::State& state)
      : rows(state.range(0)),
        columns(state.range(1)),
        x(sine_values({rows, columns})),
        dy(sine_values({rows, columns})),
        gain(sine_values({columns})),
        y(empty_like(x)),
        dx(empty_like(x)),
        means(full({rows}, 0.1, DType::float32)),
        factors(full({rows}, 0.5, DType::float32)),
        dgain(empty_like(gain)),
        dbias(empty_like(gain)) {}

  int64_t rows, columns;
  Tensor x, dy, gain, y, dx, means, factors, dgain, dbias;
};

float* data(Tensor& x) { return x.data<float>(); }
const float* data(const Tensor& x) { return x.data<float>(); }

void layer_norm_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 2 * r.x.size(), [&] {
    kernels::norm<float>().layer_norm(r.rows, r.columns, data(r.x), data(r.gain), data(r.gain), 1e-5f, data(r.y),
                                      data(r.means), data(r.factors));
  });
}
void layer_norm_backward_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 3 * r.x.size(), [&] {
    kernels::norm<float>().layer_norm_backward(r.rows, r.columns, data(r.dy), data(r.x), data(r.gain), data(r.means),
                                               data(r.factors), data(r.dx), data(r.dgain), data(r.dbias));
  });
}
void softmax_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 2 * r.x.size(),
               [&] { kernels::softmax<float>().softmax(r.rows, r.columns, data(r.x), data(r.y)); });
}
void softmax_backward_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 3 * r.x.size(), [&] {
    kernels::softmax<float>().softmax_backward(r.rows, r.columns, data(r.dy), data(r.x), data(r.dx));
  });
}
void gelu_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 2 * r.x.size(),
               [&] { kernels::activations<float>().gelu.forward(r.x.size(), data(r.x), data(r.y)); });
}
void gelu_backward_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, 3 * r.x.size(),
               [&] { kernels::activations<float>().gelu.backward(r.x.size(), data(r.x), data(r.dy), data(r.dx)); });
}
void bias_gradient_kernel(benchmark::State& state) {
  Rows r(state);
  against_copy(state, r.x.size(),
               [&] { kernels::reduce<float>().sum_middle(1, r.rows, r.columns, data(r.dy), data(r.dgain)); });
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "columns"})
      ->Args({2048, 32})    // the reverse task: fits into the caches
      ->Args({768, 128})    // a small decoder
      ->Args({2048, 384})   // a larger one
      ->Args({16384, 512})  // does not fit
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(layer_norm_kernel)->Apply(sizes);
BENCHMARK(layer_norm_backward_kernel)->Apply(sizes);
BENCHMARK(softmax_kernel)->Apply(sizes);
BENCHMARK(softmax_backward_kernel)->Apply(sizes);
BENCHMARK(gelu_kernel)->Apply(sizes);
BENCHMARK(gelu_backward_kernel)->Apply(sizes);
BENCHMARK(bias_gradient_kernel)->Apply(sizes);

// Forward and backward, over a vocabulary.
void cross_entropy_kernel(benchmark::State& state) {
  Rows r(state);
  const std::vector<int32_t> targets(static_cast<size_t>(r.rows), 7);
  const kernels::CrossEntropy<float> problem{r.rows, r.columns, data(std::as_const(r.x)), targets.data(), -100, 0.0f};
  Tensor losses = empty_like(r.means);
  against_copy(state, 3 * r.x.size(), [&] {
    kernels::softmax<float>().cross_entropy(problem, data(losses), data(r.means), data(r.factors));
    kernels::softmax<float>().cross_entropy_backward(problem, data(r.means), data(r.factors), 1.0f, data(r.dx));
  });
}
BENCHMARK(cross_entropy_kernel)
    ->ArgNames({"rows", "columns"})
    ->Args({2048, 13})
    ->Args({768, 65})
    ->Args({256, 50257})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void adam_kernel(benchmark::State& state) {
  const Tensor gradient = sine_values({state.range(0)});
  Tensor value = copy(gradient), first = copy(gradient), second = full(gradient.shape(), 1.0, DType::float32);
  const kernels::AdamCoefficients coefficients{.gradient_scale = 1,
                                               .weight_decay = 0,
                                               .beta1 = 0.9,
                                               .beta2 = 0.999,
                                               .value_keeps = 1,
                                               .step_size = 1e-3,
                                               .root_scale = 1,
                                               .epsilon = 1e-8};
  against_copy(state, 7 * gradient.size(), [&] {
    kernels::optimizer<float>().adam(gradient.size(), coefficients, data(gradient), data(value), data(first),
                                     data(second));
  });
}
void gradient_norm_kernel(benchmark::State& state) {
  const Tensor gradient = sine_values({state.range(0)});
  against_copy(state, gradient.size(), [&] {
    benchmark::DoNotOptimize(kernels::reduce<float>().sum_of_squares(gradient.size(), data(gradient)));
  });
}
void parameters(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("parameters")
      ->Arg(12000)      // the reverse task
      ->Arg(10700000)   // a small decoder
      ->Arg(124000000)  // GPT-2
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(adam_kernel)->Apply(parameters);
BENCHMARK(gradient_norm_kernel)->Apply(parameters);

}  // namespace
}  // namespace transformlet
