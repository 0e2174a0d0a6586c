// Fused: softmax and the negative logarithm of the target's probability.
#include "autograd/catalogue.h"
#include "autograd/kernels/reduce.h"
#include "autograd/kernels/softmax.h"
#include "autograd/ops.h"

namespace transformlet {
namespace {

// What each row should be: (1 - s) one-hot + s / classes, and nothing for ignored targets. A constant.
Tensor target_distribution(const Tokens& targets, int64_t classes, const CrossEntropyOptions& options, DType dtype) {
  Tensor result = zeros({targets.size(), classes}, dtype);
  with_dtype(dtype, [&]<class T>() {
    for (int64_t row = 0; row < targets.size(); ++row) {
      if (targets[row] == options.ignored) continue;
      T* const to = result.data<T>() + row * classes;
      std::fill_n(to, classes, static_cast<T>(options.label_smoothing / static_cast<double>(classes)));
      to[targets[row]] += static_cast<T>(1.0 - options.label_smoothing);
    }
  });
  return result;
}

template <class T>
kernels::CrossEntropy<T> problem_of(const Tensor& logits, const Tokens& targets, const CrossEntropyOptions& options) {
  return {.rows = logits.rows(),
          .columns = logits.columns(),
          .logits = logits.data<T>(),
          .targets = targets.data(),
          .ignored = options.ignored,
          .smoothing = static_cast<T>(options.label_smoothing)};
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tokens& targets, const CrossEntropyOptions& options) {
  require(logits.rank() >= 1 && logits.shape().without(-1) == targets.shape() && logits.columns() > 0,
          "cross_entropy: targets {} don't match logits {}", targets.shape(), logits);
  require(0.0 <= options.label_smoothing && options.label_smoothing <= 1.0,
          "cross_entropy: label smoothing {} is outside 0 ... 1", options.label_smoothing);
  const int64_t rows = logits.rows(), classes = logits.columns();
  for (int64_t row = 0; row < rows; ++row) {
    require(targets[row] == options.ignored || (0 <= targets[row] && targets[row] < classes),
            "cross_entropy: target {} at position {} is outside 0 ... {}", targets[row], row, classes - 1);
  }
  Tensor loss = empty({}, logits.dtype());
  Tensor losses = empty({rows}, logits.dtype());
  Tensor peaks = empty_like(losses), log_totals = empty_like(losses);
  with_dtype(logits.dtype(), [&]<class T>() {
    kernels::softmax<T>().cross_entropy(problem_of<T>(logits, targets, options), losses.data<T>(), peaks.data<T>(),
                                        log_totals.data<T>());
    kernels::reduce<T>().sum_middle(1, rows, 1, losses.data<T>(), loss.data<T>());
  });
  auto vjp = [=](const Backward& backward) -> TensorList {
    const Tensor& logits = backward.saved[0];
    Tensor dlogits = empty_like(logits);
    with_dtype(logits.dtype(), [&]<class T>() {
      kernels::softmax<T>().cross_entropy_backward(problem_of<T>(logits, targets, options), backward.saved[1].data<T>(),
                                                   backward.saved[2].data<T>(), backward.dy().data<T>()[0],
                                                   dlogits.data<T>());
    });
    return {dlogits};
  };
  auto reference = [=](const TensorList& in) -> TensorList {
    const Tensor x = reshape(in[0], {rows, classes});
    const Tensor z = x - max(constant(x), -1, true);
    const Tensor log_probabilities = z - log(sum(exp(z), {-1}, true));
    const Tensor target = target_distribution(targets, classes, options, x.dtype());
    // Where the target is 0 the logarithm must not count: 0 times minus infinity is NaN.
    return {-sum(where(target, target * log_probabilities, scalar(0, x.dtype())))};
  };
  return record({.op = "cross_entropy",
                 .inputs = {logits},
                 .outputs = {loss},
                 .vjp = vjp,
                 .reference = reference,
                 .saves = {logits, peaks, log_totals}});
}

int64_t counted_targets(const Tokens& targets, const CrossEntropyOptions& options) {
  int64_t count = 0;
  for (int64_t i = 0; i < targets.size(); ++i) count += targets[i] != options.ignored;
  return count;
}

namespace {

OpSample::Call call_cross_entropy(const Tokens& targets, const CrossEntropyOptions& options = {}) {
  return [=](const TensorList& in) { return cross_entropy(in[0], targets, options); };
}
const Tokens three({2, 0, 4}, {3});
const Tokens with_ignored({2, -100, 4, -100, 0, 1}, {2, 3});
const OpSamples cross_entropy_samples(
    "cross_entropy",
    {{.name = "matrix", .inputs = {{3, 5}}, .call = call_cross_entropy(three)},
     {.name = "ignored", .inputs = {{2, 3, 5}}, .call = call_cross_entropy(with_ignored)},
     {.name = "smoothing", .inputs = {{3, 5}}, .call = call_cross_entropy(three, {.label_smoothing = 0.1})},
     {.name = "both", .inputs = {{2, 3, 5}}, .call = call_cross_entropy(with_ignored, {.label_smoothing = 0.2})},
     {.name = "all_ignored",
      .inputs = {{3, 5}},
      .call = call_cross_entropy(Tokens({-1, -1, -1}, {3}), {.ignored = -1})},
     {.name = "one", .inputs = {{5}}, .call = call_cross_entropy(Tokens({3}, {}))},
     {.name = "long", .inputs = {{5000, 3}}, .call = call_cross_entropy(Tokens(std::vector<int32_t>(5000, 1), {5000}))},
     {.name = "bad_target",
      .inputs = {{3, 4}},
      .call = call_cross_entropy(three),
      .error = "cross_entropy: target 4 at position 2 is outside 0 ... 3"},
     {.name = "bad_shape",
      .inputs = {{2, 5}},
      .call = call_cross_entropy(three),
      .error = "cross_entropy: targets (3) don't match logits (2, 5)"},
     {.name = "bad_smoothing",
      .inputs = {{3, 5}},
      .call = call_cross_entropy(three, {.label_smoothing = 1.5}),
      .error = "cross_entropy: label smoothing 1.5 is outside 0 ... 1"}});

}  // namespace
}  // namespace transformlet
