// What no query may see has no effect: NaN and infinity there change neither a value nor a gradient, in the kernels, in
// the path with weights, in the reference, in both dtypes, and beyond the kernel's tiles (64 queries, 128 keys).
#include <gtest/gtest.h>

#include "autograd/attention.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
constexpr int64_t batch = 2, heads = 2, size = 3;

// Which rows (sample, row) of the operands hold garbage; heads are all the same.
using Rows = std::vector<std::pair<int64_t, int64_t>>;

struct Setting {
  std::string name;
  int64_t queries, keys;
  Mask mask;
  Rows bad_keys, bad_queries;  // that take part in no permitted pair
  Rows judged_queries = {};    // whose outputs and gradients are compared; empty: all
  bool judge_keys = true;      // compare dk and dv
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

Rows both(int64_t first, int64_t last) {
  Rows rows;
  for (int64_t sample = 0; sample < batch; ++sample) {
    for (int64_t row = first; row < last; ++row) rows.push_back({sample, row});
  }
  return rows;
}

Mask dense(int64_t queries, int64_t keys, const std::function<bool(int64_t, int64_t)>& may_attend) {
  std::vector<uint8_t> entries;
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t j = 0; j < keys; ++j) entries.push_back(may_attend(i, j));
  }
  return Mask::dense(entries, {queries, keys});
}

std::vector<Setting> settings() {
  std::vector<Setting> result;
  for (const int64_t n : {5, 150, 300}) {
    const auto add = [&](Setting setting) {
      setting.name += "_" + std::to_string(n);
      result.push_back(std::move(setting));
    };
    add({"padding", n, n, Mask::padding({n - 2, n}), {{0, n - 2}, {0, n - 1}}, {}});
    add({"padding_of_everything", n, n, Mask::padding({0, n}), {{0, 0}, {0, n / 2}, {0, n - 1}}, {{0, 1}}});
    add({"causal_with_more_keys", n, n + 1, Mask::causal(), both(n, n + 1), {}});
    add({"window_past_early_keys", n, n + 4, Mask::sliding_window(2, 3), both(0, 2), {}});
    add({"window_past_all_keys", n, n, Mask::sliding_window(2, 3), {}, both(n - 2, n)});
    add({"padding_and_causal", n, n, Mask::causal() & Mask::padding({n - 1, 3}), both(n - 1, n), {}});
    add({"dense_columns", n, n, dense(n, n, [](int64_t, int64_t j) { return j % 4 != 1; }), both(1, 2), {}});
    add({"dense_rows", n, n, dense(n, n, [](int64_t i, int64_t) { return i % 4 != 1; }), {}, both(1, 2)});
    add({"dense_all", n, n, dense(n, n, [](int64_t i, int64_t j) { return (i + j) % 3 != 0 && i != 2 && j != 0; }),
         both(0, 1), both(2, 3)});
    // The last key is seen by the last query alone: the outputs and gradients of all other queries are untouched.
    add({"causal", n, n, Mask::causal(), both(n - 1, n), {}, both(0, n - 1), false});
    // And a key in the middle by those after it.
    add({"causal_middle", n, n, Mask::causal(), both(n / 2, n / 2 + 1), {}, both(0, n / 2), false});
  }
  return result;
}

struct Results {
  Tensor values, weights;
  TensorList gradients;  // of q, k, v
};

enum class Path { fused, with_weights, reference };

// Bad rows hold the garbage, in q, k, v and, for queries, in the gradient of the output.
Results run(const Setting& setting, DType dtype, Path path, double garbage) {
  const auto operand = [&](const char* name, int64_t length, const Rows& bad) {
    Tensor x = random_tensor(name, {batch, heads, length, size}, dtype);
    with_dtype(dtype, [&]<class T>() {
      for (const auto& [sample, row] : bad) {
        for (int64_t head = 0; head < heads; ++head) {
          T* const at = x.data<T>() + ((sample * heads + head) * length + row) * size;
          // One element, or all: a sum with garbage of both signs must not pass by accident.
          std::fill_n(at, head == 0 ? 1 : size, static_cast<T>(garbage));
        }
      }
    });
    return leaf(x, name);
  };
  const Rows none;
  const TensorList in = {operand("q", setting.queries, setting.bad_queries),
                         operand("k", setting.keys, setting.bad_keys), operand("v", setting.keys, setting.bad_keys)};
  const Tensor dy = detach(operand("dy", setting.queries, setting.bad_queries));
  Results results;
  const HigherOrder guard;
  if (path == Path::with_weights) {
    const AttentionResult both = attention_with_weights(in[0], in[1], in[2], setting.mask);
    results.values = both.values;
    results.weights = both.weights;
  } else {
    results.values = scaled_dot_product_attention(in[0], in[1], in[2], setting.mask);
  }
  results.gradients = grad(results.values, in, {.seeds = {dy}, .differentiable = path == Path::reference});
  return results;
}

// The largest difference over the given rows of (batch, heads, length, size); rows empty: all. NaN: infinity.
double difference(const Tensor& a, const Tensor& b, const Rows& rows = {}) {
  if (rows.empty()) return largest_difference(a, b);
  double worst = 0;
  for (const auto& [sample, row] : rows) {
    const auto part = [&, sample = sample, row = row](const Tensor& x) {
      return slice(slice(detach(x), 0, sample, sample + 1), 2, row, row + 1);
    };
    worst = std::max(worst, largest_difference(part(a), part(b)));
  }
  return worst;
}

class MaskedGarbage : public testing::TestWithParam<Setting> {};

TEST_P(MaskedGarbage, ChangesNothing) {
  const Setting& setting = GetParam();
  for (const DType dtype : {DType::float64, DType::float32}) {
    // Garbage may lead through another path (selected sums instead of products), so the last digit may differ.
    const double tolerance = dtype == DType::float64 ? 1e-13 : 1e-4;
    for (const Path path : {Path::fused, Path::with_weights, Path::reference}) {
      if (path != Path::fused && setting.queries > 5) continue;  // slow, and without tiles
      const Results clean = run(setting, dtype, path, 0.5);
      for (const double garbage : {nan, infinity, -infinity}) {
        SCOPED_TRACE(fmt::format("{}, path {}, {}", name_of(dtype), static_cast<int>(path), garbage));
        const Results dirty = run(setting, dtype, path, garbage);
        ASSERT_LT(difference(clean.values, dirty.values, setting.judged_queries), tolerance);
        if (clean.weights.defined()) {
          ASSERT_LT(difference(clean.weights, dirty.weights, setting.judged_queries), tolerance);
        }
        ASSERT_LT(difference(clean.gradients[0], dirty.gradients[0], setting.judged_queries), tolerance) << "dq";
        if (!setting.judge_keys) continue;
        ASSERT_LT(difference(clean.gradients[1], dirty.gradients[1]), tolerance) << "dk";
        ASSERT_LT(difference(clean.gradients[2], dirty.gradients[2]), tolerance) << "dv";
      }
    }
  }
}

// Exactly: the positions that take part in nothing get zeros, not merely something small.
TEST_P(MaskedGarbage, HasZeroGradients) {
  const Setting& setting = GetParam();
  if (!setting.judge_keys) return;
  for (const Path path : {Path::fused, Path::with_weights, Path::reference}) {
    if (path != Path::fused && setting.queries > 5) continue;
    const Results dirty = run(setting, DType::float32, path, nan);
    const Tensor nothing = zeros({batch, heads, setting.keys, size}, DType::float32);
    const Tensor no_query = zeros({batch, heads, setting.queries, size}, DType::float32);
    if (!setting.bad_keys.empty()) {
      EXPECT_EQ(difference(nothing, dirty.gradients[1], setting.bad_keys), 0) << "dk";
      EXPECT_EQ(difference(nothing, dirty.gradients[2], setting.bad_keys), 0) << "dv";
    }
    if (!setting.bad_queries.empty()) {
      EXPECT_EQ(difference(no_query, dirty.values, setting.bad_queries), 0) << "values";
      EXPECT_EQ(difference(no_query, dirty.gradients[0], setting.bad_queries), 0) << "dq";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, MaskedGarbage, testing::ValuesIn(settings()),
                         [](const auto& info) { return info.param.name; });

// What may be seen is not hidden: garbage there comes through instead of being taken for masked.
TEST(VisibleGarbage, ComesThrough) {
  for (const bool with_weights : {false, true}) {
    for (const int64_t n : {3, 150}) {
      Tensor k = random_tensor("k", {1, n, 2});
      k.data<double>()[2 * (n - 1)] = nan;
      const Tensor q = random_tensor("q", {1, n, 2}), v = random_tensor("v", {1, n, 2});
      const Mask mask = Mask::causal();
      const Tensor y =
          with_weights ? attention_with_weights(q, k, v, mask).values : scaled_dot_product_attention(q, k, v, mask);
      const std::vector<double> values = y.to_vector();
      EXPECT_TRUE(std::isnan(values.back())) << n;
      EXPECT_FALSE(std::isnan(values[static_cast<size_t>(2 * (n - 1) - 1)])) << n;
    }
  }
}

}  // namespace
}  // namespace transformlet
