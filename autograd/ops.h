// Every op. Binary ops broadcast as NumPy does; all inputs of an op have one dtype. Axes may be negative: -1 is the
// last. Shapes that don't fit raise an Error that names the op and the shapes.
#pragma once

#include <optional>
#include <vector>

#include "autograd/graph.h"
#include "autograd/tensor.h"
#include "autograd/tokens.h"
#include "base/random.h"

namespace transformlet {

// ===== primitives: their derivatives are made of primitives, so they may be differentiated to any order =====

// ---- arithmetic: ops/arithmetic.cpp ----
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor divide(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);            // at a tie the gradient goes to a
Tensor affine(const Tensor& x, double scale, double shift);  // scale * x + shift
Tensor negate(const Tensor& x);
// 1 where a > b, else 0: a constant.
Tensor greater(const Tensor& a, const Tensor& b);
// a where the condition is not 0, else b: what is not selected has no effect, NaN included. No gradient to the
// condition.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

// ---- functions of one number: ops/functions.cpp ----
Tensor power(const Tensor& x, double exponent);  // x must be positive unless the exponent is a whole number
Tensor square(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1 / sqrt(x)
Tensor tanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + exp(-x))
Tensor relu(const Tensor& x);     // the derivative at 0 is 0

// ---- reductions: ops/reductions.cpp. `keep` leaves the reduced axes in place with size 1. ----
Tensor sum(const Tensor& x);  // of all elements: a scalar
Tensor sum(const Tensor& x, std::vector<int> axes, bool keep = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, std::vector<int> axes, bool keep = false);
Tensor max(const Tensor& x, int axis, bool keep = false);  // at a tie the gradient goes to the first
Tensor sum_to(const Tensor& x, const Shape& shape);        // the adjoint of broadcast_to
// The largest of each row, as a constant: for shifts that change neither value nor derivative.
Tensor row_maxima(const Tensor& x);

// ---- shapes: ops/shapes.cpp ----
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor permute(const Tensor& x, const std::vector<int>& axes);
Tensor transpose(const Tensor& x, int axis, int other);
Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end);
Tensor pad(const Tensor& x, int axis, int64_t before, int64_t after);  // with zeros: the adjoint of slice
Tensor concatenate(const TensorList& tensors, int axis);
Tensor cast(const Tensor& x, DType dtype);
Tensor alias(const Tensor& x);  // the same values as a node of its own

// ---- rows of tables: ops/rows.cpp ----
// table (rows, width), ids (...) -> (..., width). An id out of range is an Error.
Tensor gather_rows(const Tensor& table, const Tokens& ids);
// values (..., width) are added up into a table (rows, width), each at its id: the adjoint of gather_rows.
Tensor scatter_rows(const Tensor& values, const Tokens& ids, int64_t rows);
// ids (...) -> (..., classes) of 0 and 1: a constant.
Tensor one_hot(const Tokens& ids, int64_t classes, DType dtype);

// ---- products: ops/matmul.cpp ----
// (..., m, k) times (..., k, n): the leading axes broadcast. A transposed operand is given as (..., k, m) or (..., n,
// k).
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

// ===== fused ops: a fast kernel each way, and a reference in primitives, which is differentiated instead when a
// ===== gradient is itself to be differentiated

// x (..., in), weight (out, in), bias (out) or none -> (..., out): x W^T + b.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// Over the last axis, with the biased variance: (x - mean) / sqrt(variance + epsilon) * gain + bias (Ba et al. 2016).
// No bias: an undefined tensor.
Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon = 1e-5);
// Over the last axis: x / sqrt(mean(x^2) + epsilon) * gain (Zhang and Sennrich 2019).
Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon = 1e-5);

// x * Phi(x); `tanh` is the approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel 2016).
enum class Gelu { exact, tanh };
Tensor gelu(const Tensor& x, Gelu kind = Gelu::exact);
Tensor silu(const Tensor& x);  // x * sigmoid(x)
// linear(gelu(x), weight, bias), keeping x alone for the gradient and not gelu(x), which is computed again.
Tensor gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Gelu kind = Gelu::exact);

Tensor softmax(const Tensor& x);      // over the last axis
Tensor log_softmax(const Tensor& x);  // over the last axis

// logits (..., classes), targets (...) -> the SUM of the losses over the targets that are not ignored: a scalar.
// With smoothing s the target's distribution is (1 - s) one-hot + s / classes (Szegedy et al. 2016), as in PyTorch.
struct CrossEntropyOptions {
  int32_t ignored = -100;  // targets of this value count for nothing
  double label_smoothing = 0.0;
};
Tensor cross_entropy(const Tensor& logits, const Tokens& targets, const CrossEntropyOptions& options = {});
// How many targets count.
int64_t counted_targets(const Tokens& targets, const CrossEntropyOptions& options = {});

// What a dropout mask is a function of, besides the element: `key` stands for (seed, step, site, call), and the leading
// axis of the tensor counts samples from `first_sample` on. So micro-batches and threads change no mask.
struct DropoutKey {
  RandomKey key{0};
  int64_t first_sample = 0;
};
// Zero with the given probability, else x / (1 - probability) (Srivastava et al. 2014). x (samples, ...).
Tensor dropout(const Tensor& x, double probability, const DropoutKey& key);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
inline Tensor operator-(const Tensor& x) { return negate(x); }
inline Tensor operator+(const Tensor& x, double shift) { return affine(x, 1.0, shift); }
inline Tensor operator+(double shift, const Tensor& x) { return affine(x, 1.0, shift); }
inline Tensor operator-(const Tensor& x, double shift) { return affine(x, 1.0, -shift); }
inline Tensor operator-(double shift, const Tensor& x) { return affine(x, -1.0, shift); }
inline Tensor operator*(const Tensor& x, double scale) { return affine(x, scale, 0.0); }
inline Tensor operator*(double scale, const Tensor& x) { return affine(x, scale, 0.0); }
inline Tensor operator/(const Tensor& x, double divisor) { return affine(x, 1.0 / divisor, 0.0); }
inline Tensor operator/(double dividend, const Tensor& x) { return power(x, -1.0) * dividend; }

}  // namespace transformlet
