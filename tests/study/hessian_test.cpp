// Products with the Hessian and its eigenvalues, against closed forms and against whole Hessians made of differences.
#include "study/hessian.h"

#include <gtest/gtest.h>

#include <cmath>

#include "layers/classifier.h"
#include "study/lanczos.h"
#include "tests/tensors.h"

extern "C" void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
                       double* work, const int* lwork, int* info, size_t, size_t);

namespace transformlet {
namespace {

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

// By LAPACK's dense method; ascending.
Vector dense_eigenvalues(const Matrix& matrix) {
  const int n = static_cast<int>(matrix.size()), lwork = 64 * n;
  Vector a, w(matrix.size()), work(static_cast<size_t>(lwork));
  for (const Vector& row : matrix) a.insert(a.end(), row.begin(), row.end());
  int info = 0;
  dsyev_("N", "U", &n, a.data(), &n, w.data(), work.data(), &lwork, &info, 1, 1);
  EXPECT_EQ(info, 0);
  return w;
}

Vector unit_vector(size_t size, size_t i) {
  Vector result(size);
  result[i] = 1;
  return result;
}

Matrix whole(const Hessian& hessian) {
  Matrix result;
  const auto size = static_cast<size_t>(hessian.size());
  for (size_t i = 0; i < size; ++i) result.push_back(hessian.times(unit_vector(size, i)));
  return result;
}

// The largest difference of entries, over the largest entry.
double distance(const Matrix& expected, const Matrix& actual) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t j = 0; j < expected.size(); ++j) {
      difference = std::max(difference, std::abs(expected[i][j] - actual[i][j]));
      size = std::max(size, std::abs(expected[i][j]));
    }
  }
  return difference / size;
}

// Multinomial regression: the sum over samples of (diag(p) - p p') times x x' (McCullagh and Nelder 1989).
TEST(Hessian, OfMultinomialRegressionIsTheClosedForm) {
  constexpr int64_t samples = 6, width = 4, classes = 3;
  const Tensor x = random_tensor("x", {samples, width}), w = random_leaf("w", {classes, width});
  const Tokens targets({0, 2, 1, 1, 0, 2}, {samples});
  const auto loss = [&] { return cross_entropy(linear(x, w), targets); };
  const Vector p = softmax(linear(x, w)).to_vector(), inputs = x.to_vector();
  Matrix expected(classes * width, Vector(classes * width));
  for (size_t s = 0; s < samples; ++s) {
    for (size_t row = 0; row < expected.size(); ++row) {
      for (size_t column = 0; column < expected.size(); ++column) {
        const size_t a = row / width, b = column / width;
        const double pa = p[s * classes + a], pb = p[s * classes + b];
        expected[row][column] +=
            ((a == b ? pa : 0) - pa * pb) * inputs[s * width + row % width] * inputs[s * width + column % width];
      }
    }
  }
  const Hessian hessian({loss}, {w});
  ASSERT_EQ(hessian.size(), classes * width);
  EXPECT_LT(distance(expected, whole(hessian)), 1e-14);
  // All logits of a sample may move together: four eigenvalues are 0.
  const Vector dense = dense_eigenvalues(expected);
  const auto times = [&](const Vector& v) { return hessian.times(v); };
  const Eigenvalues found =
      largest_eigenvalues(times, hessian.size(), {.count = 12, .iterations = 12, .tolerance = 0}, RandomKey(1));
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(found.values[i], dense[11 - i], 1e-13 * dense[11]) << i;
}

// A transformer that judges sequences as a whole; no kinks.
struct SmallClassifier {
  SmallClassifier()
      : model(Scope(parameters, 1, DType::float64), options(), {.vocab_size = 5, .classes = 3, .max_length = 4}) {
    // Small weights are initialised so that a classifier knows nothing; here something is to be curved.
    for (const Parameter& parameter : parameters.list()) {
      Tensor value = parameter.value;
      const Vector noise = random_tensor(value.name(), value.shape()).to_vector();
      double* const to = overwrite<double>(value);
      for (size_t i = 0; i < noise.size(); ++i) to[i] += 0.3 * noise[i];
    }
  }
  static ClassifierOptions options() {
    ClassifierOptions result;
    result.blocks = {.num_layers = 1, .num_heads = 2, .d_model = 4, .d_ff = 6, .activation = Activation::gelu};
    return result;
  }
  // Of the sequences at [begin, end).
  Tensor loss(int64_t begin, int64_t end) const {
    const ModelInputs inputs{.ids = ids.samples(begin, end)};
    return cross_entropy(model(inputs, Pass::evaluation()), targets.samples(begin, end)) / 3;
  }

  Tokens ids = Tokens({2, 0, 3, 1, 4, 2, 2, 0, 0, 1, 1, 4}, {3, 4}), targets = Tokens({1, 0, 2}, {3});
  Parameters parameters;
  Classifier model;
};

// Each column from gradients at four points: truncation falls with h^4, and rounding is some 1e-15 / h = 1e-12 of
// gradients about 1. That LAPACK's eigenvalues of the differences are Lanczos's of the products shows both right.
TEST(Hessian, OfATransformerIsTheDifferenceOfGradients) {
  const SmallClassifier small;
  const auto loss = [&] { return small.loss(0, 3); };
  const TensorList leaves = small.parameters.tensors();
  const Hessian hessian({loss}, leaves);
  const auto size = static_cast<size_t>(hessian.size());
  constexpr double h = 1e-3;
  Matrix numeric;
  for (const Tensor& constant_leaf : leaves) {
    Tensor x = constant_leaf;
    for (int64_t j = 0; j < x.size(); ++j) {
      const double start = x.data<double>()[j];
      const auto gradient_at = [&](double step) {
        overwrite<double>(x)[j] = start + step;
        return flattened(grad(loss(), leaves));
      };
      const Vector a = gradient_at(h), b = gradient_at(-h), c = gradient_at(2 * h), d = gradient_at(-2 * h);
      overwrite<double>(x)[j] = start;
      Vector column(size);
      for (size_t i = 0; i < size; ++i) column[i] = (8 * (a[i] - b[i]) - (c[i] - d[i])) / (12 * h);
      numeric.push_back(column);
    }
  }
  EXPECT_LT(distance(numeric, whole(hessian)), 1e-8);
  const Vector dense = dense_eigenvalues(numeric);
  const auto times = [&](const Vector& v) { return hessian.times(v); };
  const Eigenvalues found =
      largest_eigenvalues(times, hessian.size(), {.count = 5, .iterations = 60, .tolerance = 1e-7}, RandomKey(1));
  EXPECT_LT(found.iterations, 60);
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(found.values[i] / dense[size - 1 - i], 1, 1e-8) << i;
  double trace = 0;
  for (size_t i = 0; i < size; ++i) trace += numeric[i][i];
  const Trace estimate = estimated_trace(times, hessian.size(), 100, RandomKey(2));
  EXPECT_NEAR(estimate.value, trace, 3 * estimate.standard_error);
}

// Sums in another order: rounding.
TEST(Hessian, OfPartsIsTheSum) {
  const SmallClassifier small;
  const TensorList leaves = small.parameters.tensors();
  const Hessian one({[&] { return small.loss(0, 3); }}, leaves);
  const Hessian two({[&] { return small.loss(0, 1); }, [&] { return small.loss(1, 3); }}, leaves);
  const Vector v = random_tensor("v", {one.size()}).to_vector();
  for (int time = 0; time < 2; ++time) EXPECT_LT(distance({one.times(v)}, {two.times(v)}), 1e-13);
}

TEST(Hessian, OfALossThatIsLinearIsZero) {
  const Tensor w = random_leaf("w", {3});
  const Hessian hessian({[&] { return sum(w * 2.0); }}, {w});
  EXPECT_EQ(hessian.times({1, 2, 3}), (Vector{0, 0, 0}));
}

// Where parameters are few, what is kept between products is the graph of the gradient: it goes away with the Hessian.
TEST(Hessian, LeavesNoGraph) {
  const SmallClassifier small;
  const int64_t before = live_nodes();
  {
    const Hessian hessian({[&] { return small.loss(0, 3); }}, small.parameters.tensors());
    hessian.times(Vector(static_cast<size_t>(hessian.size()), 1));
    EXPECT_GT(live_nodes(), before);
  }
  EXPECT_EQ(live_nodes(), before);
}

}  // namespace
}  // namespace transformlet
