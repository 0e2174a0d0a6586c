// Kernels over rows and elements at odd sizes.
#include "tests/autograd/kernel_sweep.h"

#include <numbers>

#include "autograd/kernels/activations.h"
#include "autograd/kernels/arithmetic.h"
#include "autograd/kernels/dropout.h"
#include "autograd/kernels/functions.h"
#include "autograd/kernels/norm.h"
#include "autograd/kernels/reduce.h"
#include "autograd/kernels/rows.h"
#include "autograd/kernels/softmax.h"

namespace transformlet {
namespace {

using std::vector;

template <class T>
class KernelSweep : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelSweep, Types);

double sum(int64_t n, const auto& term) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += term(i);
  return total;
}

TYPED_TEST(KernelSweep, LayerNorm) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const auto x = sweep_values<T>(rows * columns, 1), dy = sweep_values<T>(rows * columns, 2);
    const auto gain = sweep_values<T>(columns, 3), bias = sweep_values<T>(columns, 4);
    vector<T> y(x.size()), mean(rows), factor(rows), dx(x.size()), dgain(columns), dbias(columns);
    const T epsilon = T(0.1);
    for (const bool with_bias : {true, false}) {
      kernels::norm<T>().layer_norm(rows, columns, x.data(), gain.data(), with_bias ? bias.data() : nullptr, epsilon,
                                    y.data(), mean.data(), factor.data());
      kernels::norm<T>().layer_norm_backward(rows, columns, dy.data(), x.data(), gain.data(), mean.data(),
                                             factor.data(), dx.data(), dgain.data(),
                                             with_bias ? dbias.data() : nullptr);
      vector<double> n(x.size()), factors(rows), of_g(rows), of_product(rows);
      for (int64_t r = 0; r < rows; ++r) {
        const double m = sum(columns, [&](auto i) { return double(x[r * columns + i]); }) / double(columns);
        const double variance =
            sum(columns, [&](auto i) { return std::pow(x[r * columns + i] - m, 2); }) / double(columns);
        factors[r] = 1 / std::sqrt(variance + double(epsilon));
        for (int64_t i = r * columns; i < (r + 1) * columns; ++i) n[i] = (x[i] - m) * factors[r];
        const auto g = [&](int64_t i) { return double(dy[r * columns + i]) * gain[i]; };
        of_g[r] = sum(columns, g) / double(columns);
        of_product[r] = sum(columns, [&](auto i) { return g(i) * n[r * columns + i]; }) / double(columns);
      }
      expect_near("y", y, [&](auto i) { return n[i] * gain[i % columns] + (with_bias ? bias[i % columns] : T(0)); });
      expect_near("dx", dx, [&](auto i) {
        const int64_t r = i / columns;
        return factors[r] * (double(dy[i]) * gain[i % columns] - of_g[r] - n[i] * of_product[r]);
      });
      expect_near("dgain", dgain,
                  [&](auto i) { return sum(rows, [&](auto r) { return dy[r * columns + i] * n[r * columns + i]; }); });
      expect_near("dbias", dbias, [&](auto i) { return sum(rows, [&](auto r) { return dy[r * columns + i]; }); });
    }
  });
}

TYPED_TEST(KernelSweep, RmsNorm) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const auto x = sweep_values<T>(rows * columns, 1), dy = sweep_values<T>(rows * columns, 2);
    const auto gain = sweep_values<T>(columns, 3);
    vector<T> y(x.size()), factor(rows), dx(x.size()), dgain(columns);
    kernels::norm<T>().rms_norm(rows, columns, x.data(), gain.data(), T(0.1), y.data(), factor.data());
    kernels::norm<T>().rms_norm_backward(rows, columns, dy.data(), x.data(), gain.data(), factor.data(), dx.data(),
                                         dgain.data());
    vector<double> n(x.size()), factors(rows), of_product(rows);
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = [=](int64_t i) { return r * columns + i; };
      const double squares = sum(columns, [&](auto i) { return double(x[at(i)]) * x[at(i)]; });
      factors[r] = 1 / std::sqrt(squares / double(columns) + double(T(0.1)));
      for (int64_t i = 0; i < columns; ++i) n[at(i)] = x[at(i)] * factors[r];
      of_product[r] = sum(columns, [&](auto i) { return dy[at(i)] * gain[i] * n[at(i)]; }) / double(columns);
    }
    expect_near("y", y, [&](auto i) { return n[i] * gain[i % columns]; });
    expect_near("dx", dx, [&](auto i) {
      return factors[i / columns] * (double(dy[i]) * gain[i % columns] - n[i] * of_product[i / columns]);
    });
    expect_near("dgain", dgain,
                [&](auto i) { return sum(rows, [&](auto r) { return dy[r * columns + i] * n[r * columns + i]; }); });
  });
}

TYPED_TEST(KernelSweep, Softmax) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    auto x = sweep_values<T>(rows * columns, 1);
    const auto dy = sweep_values<T>(rows * columns, 2);
    for (int64_t r = 0; r < rows; ++r) x[r * columns] += T(100);  // one that would overflow
    vector<T> y(x.size()), logs(x.size()), dx(x.size()), dx_of_logs(x.size());
    kernels::softmax<T>().softmax(rows, columns, x.data(), y.data());
    kernels::softmax<T>().softmax_backward(rows, columns, dy.data(), y.data(), dx.data());
    kernels::softmax<T>().log_softmax(rows, columns, x.data(), logs.data());
    kernels::softmax<T>().log_softmax_backward(rows, columns, dy.data(), logs.data(), dx_of_logs.data());
    vector<double> log_p(x.size()), product(rows), total(rows);
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = [=](int64_t i) { return r * columns + i; };
      const double peak = x[at(0)];
      const double log_total = std::log(sum(columns, [&](auto i) { return std::exp(x[at(i)] - peak); }));
      for (int64_t i = 0; i < columns; ++i) log_p[at(i)] = x[at(i)] - peak - log_total;
      product[r] = sum(columns, [&](auto i) { return dy[at(i)] * std::exp(log_p[at(i)]); });
      total[r] = sum(columns, [&](auto i) { return dy[at(i)]; });
    }
    expect_near("softmax", y, [&](auto i) { return std::exp(log_p[i]); });
    expect_near("log_softmax", logs, [&](auto i) { return log_p[i]; });
    expect_near("dx", dx, [&](auto i) { return std::exp(log_p[i]) * (dy[i] - product[i / columns]); });
    expect_near("dx of log", dx_of_logs, [&](auto i) { return dy[i] - std::exp(log_p[i]) * total[i / columns]; });
  });
}

TYPED_TEST(KernelSweep, CrossEntropy) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const auto x = sweep_values<T>(rows * columns, 1);
    vector<int32_t> targets(rows);
    for (int64_t r = 0; r < rows; ++r) targets[r] = r == 2 ? -100 : static_cast<int32_t>(r * 5 % columns);
    for (const T smoothing : {T(0), T(0.25)}) {
      const kernels::CrossEntropy<T> problem{rows, columns, x.data(), targets.data(), -100, smoothing};
      vector<T> losses(rows), peaks(rows), log_totals(rows), dx(x.size());
      kernels::softmax<T>().cross_entropy(problem, losses.data(), peaks.data(), log_totals.data());
      kernels::softmax<T>().cross_entropy_backward(problem, peaks.data(), log_totals.data(), T(2), dx.data());
      const auto log_p = [&](int64_t r, int64_t c) {
        return x[r * columns + c] -
               std::log(sum(columns, [&](auto i) { return std::exp(double(x[r * columns + i])); }));
      };
      const auto target = [&](int64_t r, int64_t c) {
        return (1 - double(smoothing)) * (targets[r] == c) + double(smoothing) / double(columns);
      };
      expect_near("loss", losses, [&](auto r) {
        return targets[r] < 0 ? 0 : -sum(columns, [&](auto c) { return target(r, c) * log_p(r, c); });
      });
      expect_near("dx", dx, [&](auto i) {
        const int64_t r = i / columns, c = i % columns;
        return targets[r] < 0 ? 0 : 2 * (std::exp(log_p(r, c)) - target(r, c));
      });
    }
  });
}

double cumulative_normal(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double tanh_argument(double x) { return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x); }

TYPED_TEST(KernelSweep, Activations) {
  using T = TypeParam;
  struct Case {
    const char* name;
    kernels::Activation<T> kernel;
    double (*value)(double);
  };
  for_sweep([](int64_t rows, int64_t columns) {
    const int64_t n = rows * columns;
    const auto x = sweep_values<T>(n, 1), dy = sweep_values<T>(n, 2);
    for (const auto& [name, kernel, value] :
         {Case{"gelu", kernels::activations<T>().gelu, [](double v) { return v * cumulative_normal(v); }},
          Case{"gelu_tanh", kernels::activations<T>().gelu_tanh,
               [](double v) { return 0.5 * v * (1 + std::tanh(tanh_argument(v))); }},
          Case{"silu", kernels::activations<T>().silu, [](double v) { return v * sigmoid(v); }}}) {
      vector<T> y(x.size()), dx(x.size());
      kernel.forward(n, x.data(), y.data());
      kernel.backward(n, x.data(), dy.data(), dx.data());
      expect_near(name, y, [&, value = value](auto i) { return value(x[i]); });
      // The derivative by differences, which are good to ten digits.
      constexpr double step = 1e-5;
      for (int64_t i = 0; i < n; ++i) {
        const double slope = (value(x[i] + step) - value(x[i] - step)) / (2 * step);
        ASSERT_NEAR(dx[i], dy[i] * slope, std::max(1e-9, sweep_tolerance<T>)) << name << " at " << i;
      }
    }
  });
}

TYPED_TEST(KernelSweep, Arithmetic) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const vector<int64_t> whole = {rows, columns}, row = {columns}, column = {rows, 1};
    const auto place = [&](const vector<int64_t>& shape, int64_t i) {
      return shape.size() == 1 ? i % columns : shape[1] == 1 ? i / columns : i;
    };
    for (const auto& a_shape : {whole, row, column}) {
      for (const auto& b_shape : {whole, row, column}) {
        const auto a = sweep_values<T>(rows * columns, 1), b = sweep_values<T>(rows * columns, 2);
        vector<T> y(a.size());
        const auto a_at = [&](int64_t i) { return a[place(a_shape, i)]; };
        const auto b_at = [&](int64_t i) { return b[place(b_shape, i)]; };
        const kernels::Broadcast<2> plan(whole, {a_shape, b_shape});
        const auto& table = kernels::arithmetic<T>();
        table.add(plan, a.data(), b.data(), y.data());
        expect_near("add", y, [&](auto i) { return a_at(i) + b_at(i); });
        table.subtract(plan, a.data(), b.data(), y.data());
        expect_near("subtract", y, [&](auto i) { return a_at(i) - b_at(i); });
        table.multiply(plan, a.data(), b.data(), y.data());
        expect_near("multiply", y, [&](auto i) { return a_at(i) * b_at(i); });
        table.divide(plan, a.data(), b.data(), y.data());
        expect_near("divide", y, [&](auto i) { return a_at(i) / b_at(i); });
        table.greater(plan, a.data(), b.data(), y.data());
        expect_near("greater", y, [&](auto i) { return a_at(i) > b_at(i) ? 1.0 : 0.0; });
        table.maximum(plan, a.data(), b.data(), y.data());
        expect_near("maximum", y, [&](auto i) { return std::max(a_at(i), b_at(i)); });
        for (const auto& c_shape : {whole, row, column}) {
          vector<T> condition(a.size());
          for (size_t i = 0; i < condition.size(); ++i) condition[i] = i % 3 == 0 ? T(0) : T(2);
          table.select(kernels::Broadcast<3>(whole, {c_shape, a_shape, b_shape}), condition.data(), a.data(), b.data(),
                       y.data());
          expect_near("select", y, [&](auto i) { return condition[place(c_shape, i)] != 0 ? a_at(i) : b_at(i); });
        }
      }
    }
  });
}

TYPED_TEST(KernelSweep, SumsAndRows) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const auto x = sweep_values<T>(2 * rows * columns, 1);
    vector<T> middle(2 * columns), each(2 * rows);
    kernels::reduce<T>().sum_middle(2, rows, columns, x.data(), middle.data());
    kernels::reduce<T>().sum_middle(2 * rows, columns, 1, x.data(), each.data());
    expect_near("rows", middle, [&](auto i) {
      return sum(rows, [&](auto r) { return x[(i / columns * rows + r) * columns + i % columns]; });
    });
    expect_near("columns", each, [&](auto r) { return sum(columns, [&](auto i) { return x[r * columns + i]; }); });
    const double squares = sum(std::ssize(x), [&](auto i) { return double(x[i]) * x[i]; });
    EXPECT_NEAR(kernels::reduce<T>().sum_of_squares(std::ssize(x), x.data()), squares, 1e-12 * squares);

    vector<int32_t> ids(rows);
    for (int64_t r = 0; r < rows; ++r) ids[r] = static_cast<int32_t>(r * r % 3 % rows);  // some repeat
    vector<T> taken(rows * columns), table(rows * columns);
    kernels::rows<T>().gather(rows, columns, x.data(), ids.data(), taken.data());
    kernels::rows<T>().scatter(rows, columns, x.data(), ids.data(), table.data());
    expect_near("gather", taken, [&](auto i) { return x[ids[i / columns] * columns + i % columns]; });
    expect_near("scatter", table, [&](auto i) {
      return sum(rows, [&](auto r) { return ids[r] == i / columns ? x[r * columns + i % columns] : T(0); });
    });
  });
}

// Element (sample, row, column) is kept if word column % 4 of philox(key; column / 4, row, sample) is large enough.
TYPED_TEST(KernelSweep, Dropout) {
  using T = TypeParam;
  for_sweep([](int64_t rows, int64_t columns) {
    const int64_t samples = 2, first_sample = 5;
    const auto x = sweep_values<T>(samples * rows * columns, 1);
    const RandomKey key(9);
    vector<T> y(x.size());
    kernels::dropout<T>().dropout(samples, rows, columns, x.data(), 0.25, key, first_sample, y.data());
    expect_near("dropout", y, [&](auto i) {
      const int64_t column = i % columns, row = i / columns % rows, sample = i / columns / rows;
      const auto words = philox(
          key, {static_cast<uint32_t>(column / 4), static_cast<uint32_t>(row), 0, uint32_t(first_sample + sample)});
      return words[static_cast<size_t>(column % 4)] >= 0x40000000u ? x[i] / 0.75 : 0.0;
    });
  });
}

}  // namespace
}  // namespace transformlet
