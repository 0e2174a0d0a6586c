// Products at odd sizes, on every instruction set.
#include "autograd/kernels/matmul.h"

#include <omp.h>

#include <algorithm>

#include "tests/autograd/kernel_sweep.h"

namespace transformlet {
namespace {

template <class T>
class MatmulSweep : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(MatmulSweep, Types);

// m and n take all pairs of sizes, k a size that depends on both.
TYPED_TEST(MatmulSweep, ProductsMatchPlainLoops) {
  using T = TypeParam;
  int turn = 0;
  for_sweep([&](int64_t, int64_t n) {
    for (const int64_t m : {1, 3, 16, 17, 33, 65}) {
      const int64_t k = sweep_columns[static_cast<size_t>(++turn) % sweep_columns.size()];
      const bool transpose_a = turn & 1, transpose_b = turn & 2, with_bias = turn & 4;
      const T alpha = turn % 3 == 0 ? T(1) : T(0.5), beta = turn % 5 < 2 ? T(0) : turn % 5 < 4 ? T(1) : T(-2);
      const auto a = sweep_values<T>(m * k, 1), b = sweep_values<T>(k * n, 2), bias = sweep_values<T>(n, 3);
      const auto before = sweep_values<T>(m * n, 4);
      auto c = before;
      if (beta == T(0)) std::fill(c.begin(), c.end(), std::numeric_limits<T>::quiet_NaN());  // it must not be read
      kernels::matmul<T>().product({.transpose_a = transpose_a,
                                    .transpose_b = transpose_b,
                                    .m = m,
                                    .n = n,
                                    .k = k,
                                    .alpha = alpha,
                                    .a = a.data(),
                                    .lda = transpose_a ? m : k,
                                    .b = b.data(),
                                    .ldb = transpose_b ? k : n,
                                    .beta = beta,
                                    .c = c.data(),
                                    .ldc = n,
                                    .row_bias = with_bias ? bias.data() : nullptr});
      SCOPED_TRACE(testing::Message() << "m " << m << " k " << k << " turn " << turn);
      expect_near("c", c, [&](auto i) {
        const int64_t row = i / n, column = i % n;
        double total = 0;
        for (int64_t p = 0; p < k; ++p) {
          total +=
              double(a[transpose_a ? p * m + row : row * k + p]) * b[transpose_b ? column * k + p : p * n + column];
        }
        return alpha * total + (beta == T(0) ? 0.0 : double(beta) * before[i]) + (with_bias ? bias[column] : T(0));
      });
    }
  });
}

// However C is cut, among threads or by its own sizes: alpha and beta must not be fused in one place and not in
// another.
TYPED_TEST(MatmulSweep, BitsDependOnNeitherThreadsNorRows) {
  using T = TypeParam;
  constexpr int64_t size = 163;
  const auto a = sweep_values<T>(size * size, 1), before = sweep_values<T>(size * size, 4);
  const auto product = [&](int threads, int64_t rows) {
    omp_set_num_threads(threads);
    auto c = before;
    kernels::matmul<T>().product({.m = rows,
                                  .n = size,
                                  .k = size,
                                  .alpha = T(2.0315),
                                  .a = a.data(),
                                  .lda = size,
                                  .b = a.data(),
                                  .ldb = size,
                                  .beta = T(-4.7750),
                                  .c = c.data(),
                                  .ldc = size});
    c.resize(static_cast<size_t>(rows * size));
    return c;
  };
  const int threads_before = omp_get_max_threads();
  const kernels::Level level_before = kernels::level();
  for (const kernels::Level level : kernels::available_levels()) {
    kernels::use_level(level);
    const auto one = product(1, size);
    EXPECT_EQ(one, product(2, size));
    EXPECT_EQ(one, product(3, size));
    const auto some = product(1, 7);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), one.begin()));
  }
  kernels::use_level(level_before);
  omp_set_num_threads(threads_before);
}

}  // namespace
}  // namespace transformlet
