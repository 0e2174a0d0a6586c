#include "optim/newton_schulz.h"

#include <algorithm>
#include <cmath>

#include "autograd/kernels/functions.h"
#include "autograd/kernels/matmul.h"
#include "autograd/kernels/reduce.h"

namespace transformlet {
namespace {

constexpr int steps = 5;
constexpr double linear = 3.4445, cubic = -4.7750, quintic = 2.0315;

// The Gram matrix of the shorter side: X X' if the matrix is wide, X' X if it is tall. Both sides' polynomials are one:
// (X X') X = X (X' X).
template <class T>
class Iteration {
 public:
  explicit Iteration(const Tensor& matrix)
      : rows_(matrix.dim(0)),
        columns_(matrix.dim(1)),
        side_(std::min(rows_, columns_)),
        is_tall_(rows_ > columns_),
        x_(empty_like(matrix)),
        next_(empty_like(matrix)),
        gram_(empty({side_, side_}, matrix.dtype())),
        polynomial_(empty_like(gram_)) {
    const double norm = std::sqrt(kernels::reduce<T>().sum_of_squares(matrix.size(), matrix.data<T>()));
    kernels::functions<T>().affine(matrix.size(), static_cast<T>(1.0 / (norm + 1e-7)), 0, matrix.data<T>(),
                                   x_.data<T>());
  }

  void step() {
    kernels::matmul<T>().product({.transpose_a = is_tall_,
                                  .transpose_b = !is_tall_,
                                  .m = side_,
                                  .n = side_,
                                  .k = std::max(rows_, columns_),
                                  .a = x_.data<T>(),
                                  .lda = columns_,
                                  .b = x_.data<T>(),
                                  .ldb = columns_,
                                  .c = gram_.data<T>(),
                                  .ldc = side_});
    std::copy_n(gram_.data<T>(), gram_.size(), polynomial_.data<T>());
    kernels::matmul<T>().product({.m = side_,
                                  .n = side_,
                                  .k = side_,
                                  .alpha = static_cast<T>(quintic),
                                  .a = gram_.data<T>(),
                                  .lda = side_,
                                  .b = gram_.data<T>(),
                                  .ldb = side_,
                                  .beta = static_cast<T>(cubic),
                                  .c = polynomial_.data<T>(),
                                  .ldc = side_});
    std::copy_n(x_.data<T>(), x_.size(), next_.data<T>());
    const Tensor &left = is_tall_ ? x_ : polynomial_, &right = is_tall_ ? polynomial_ : x_;
    kernels::matmul<T>().product({.m = rows_,
                                  .n = columns_,
                                  .k = side_,
                                  .a = left.data<T>(),
                                  .lda = left.dim(1),
                                  .b = right.data<T>(),
                                  .ldb = right.dim(1),
                                  .beta = static_cast<T>(linear),
                                  .c = next_.data<T>(),
                                  .ldc = columns_});
    std::swap(x_, next_);
  }

  const Tensor& x() const { return x_; }

 private:
  int64_t rows_, columns_, side_;
  bool is_tall_;
  Tensor x_, next_, gram_, polynomial_;
};

}  // namespace

Tensor newton_schulz(const Tensor& matrix) {
  require(matrix.rank() == 2, "newton_schulz: {} is no matrix", matrix);
  return with_dtype(matrix.dtype(), [&]<class T>() {
    Iteration<T> iteration(matrix);
    for (int i = 0; i < steps; ++i) iteration.step();
    return iteration.x();
  });
}

}  // namespace transformlet
