// Kernels beside their bounds: products against one large square product, all else against copying as many bytes.
#include <cmath>

#include "autograd/kernels/matmul.h"
#include "autograd/kernels/norm.h"
#include "autograd/kernels/optimizer.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/softmax.h"
#include "autograd/ops.h"
#include "bench/side_by_side.h"

namespace transformlet {
namespace {

Tensor values(const Shape& shape) {
  Tensor x = empty(shape, DType::float32);
  for (int64_t i = 0; i < x.size(); ++i)
    x.data<float>()[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
  return x;
}

// ---- products ----

void multiply_matrices(const Tensor& a, const Tensor& b, Tensor& c) {
  kernels::matmul<float>().product({.m = a.dim(0),
                                    .n = b.dim(1),
                                    .k = a.dim(1),
                                    .a = a.data<float>(),
                                    .lda = a.dim(1),
                                    .b = b.data<float>(),
                                    .ldb = b.dim(1),
                                    .c = c.data<float>(),
                                    .ldc = b.dim(1)});
}

void matmul_kernel(benchmark::State& state) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2), large = 512;
  const Tensor a = values({m, k}), b = values({k, n}), large_a = values({large, large}), large_b = large_a;
  Tensor c = empty({m, n}, DType::float32), large_c = empty_like(large_a);
  const SideBySide times = time_side_by_side(
      state, [&] { multiply_matrices(a, b, c); }, [&] { multiply_matrices(large_a, large_b, large_c); });
  const double speed = 2e-9 * static_cast<double>(m * n * k) / times.subject;
  const double bound = 2e-9 * static_cast<double>(large * large * large) / times.yardstick;
  state.counters["GFLOP/s"] = speed;
  state.counters["bound_GFLOP/s"] = bound;
  state.counters["of_bound"] = speed / bound;
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

// ---- what memory bounds ----

// Times a kernel against a copy that reads and writes as many bytes.
template <class Kernel>
void against_copy(benchmark::State& state, int64_t floats_moved, const Kernel& kernel) {
  const Tensor from = values({floats_moved / 2});
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

void layer_norm_kernel(benchmark::State& state) {
  const int64_t rows = state.range(0), columns = state.range(1);
  const Tensor x = values({rows, columns}), gain = values({columns}), bias = values({columns});
  Tensor y = empty_like(x), mean = empty({rows}, DType::float32), inverse_deviation = empty_like(mean);
  against_copy(state, 2 * x.size(), [&] {
    kernels::norm<float>().layer_norm(rows, columns, x.data<float>(), gain.data<float>(), bias.data<float>(), 1e-5f,
                                      y.data<float>(), mean.data<float>(), inverse_deviation.data<float>());
  });
}

void layer_norm_backward_kernel(benchmark::State& state) {
  const int64_t rows = state.range(0), columns = state.range(1);
  const Tensor x = values({rows, columns}), gain = values({columns}), row_values = full({rows}, 0.5, DType::float32);
  Tensor dx = empty_like(x), dgain = empty_like(gain), dbias = empty_like(gain);
  against_copy(state, 3 * x.size(), [&] {
    kernels::norm<float>().layer_norm_backward(rows, columns, x.data<float>(), x.data<float>(), gain.data<float>(),
                                               row_values.data<float>(), row_values.data<float>(), dx.data<float>(),
                                               dgain.data<float>(), dbias.data<float>());
  });
}

void softmax_kernel(benchmark::State& state) {
  const int64_t rows = state.range(0), columns = state.range(1);
  const Tensor x = values({rows, columns});
  Tensor y = empty_like(x);
  against_copy(state, 2 * x.size(),
               [&] { kernels::softmax<float>().softmax(rows, columns, x.data<float>(), y.data<float>()); });
}

void gelu_op(benchmark::State& state) {  // of a constant, so nothing is recorded: the kernel is all there is
  const Tensor x = values({state.range(0), state.range(1)});
  against_copy(state, 2 * x.size(), [&] { benchmark::DoNotOptimize(gelu(x)); });
}

void adam_kernel(benchmark::State& state) {
  const Tensor gradient = values({state.range(0), state.range(1)});
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
    kernels::optimizer<float>().adam(gradient.size(), coefficients, gradient.data<float>(), value.data<float>(),
                                     first.data<float>(), second.data<float>());
  });
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "columns"})
      ->Args({2048, 32})    // the reverse task: fits into the caches
      ->Args({16384, 512})  // does not
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(layer_norm_kernel)->Apply(sizes);
BENCHMARK(layer_norm_backward_kernel)->Apply(sizes);
BENCHMARK(softmax_kernel)->Apply(sizes);
BENCHMARK(gelu_op)->Apply(sizes);
BENCHMARK(adam_kernel)->Apply(sizes);

}  // namespace
}  // namespace transformlet
