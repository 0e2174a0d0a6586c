// The second derivative of a whole model's loss: Hessian-vector products, and the gradient in both dtypes.
#include <gtest/gtest.h>

#include "layers/sequence_predictor.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

const Tokens ids({2, 0, 3, 1, 4, 2, 2, 5, 0, 1}, {2, 5}), targets({1, 4, 2, 0, 3, -100, 2, 2, 1, 0}, {2, 5});

struct Trained {
  Trained(DType dtype, NormPosition position, const Mask& given_mask)
      : mask(given_mask),
        model(Scope(parameters, 1, dtype), options(position), {.vocab_size = 6, .classes = 5, .max_length = 5}) {}

  static SequencePredictorOptions options(NormPosition position) {
    SequencePredictorOptions result;
    result.encoder = {.num_layers = 2,
                      .num_heads = 2,
                      .d_model = 16,
                      .d_ff = 24,
                      .norm_position = position,
                      .activation = Activation::gelu};
    result.input = Input::embedding;
    result.position = Position::learned;
    return result;
  }
  Tensor loss() const { return cross_entropy(model(ids, mask, Pass::evaluation()), targets); }
  TensorList leaves() const { return parameters.tensors(); }
  TensorList gradient() const { return grad(loss(), leaves()); }
  TensorList hessian_times(const TensorList& v) const {
    const HigherOrder guard;
    const TensorList first = grad(loss(), leaves(), {.differentiable = true});
    return grad(first, leaves(), {.seeds = v});
  }
  void move(const TensorList& direction, double step) {
    const TensorList all = leaves();
    for (size_t i = 0; i < all.size(); ++i) {
      Tensor value = all[i];
      double* const to = overwrite<double>(value);
      for (int64_t j = 0; j < value.size(); ++j) to[j] += step * direction[i].data<double>()[j];
    }
  }

  Parameters parameters;
  Mask mask;
  SequencePredictor model;
};

TensorList random_direction(const Trained& trained, const std::string& name) {
  TensorList result;
  for (const Tensor& x : trained.leaves()) result.push_back(random_tensor(name + x.name(), x.shape(), x.dtype()));
  return result;
}

class HessianTest : public testing::TestWithParam<std::tuple<NormPosition, bool>> {
 protected:
  Trained trained(DType dtype) const {
    const auto [position, causal] = GetParam();
    return {dtype, position, causal ? Mask::causal() & Mask::padding({5, 3}) : Mask()};
  }
};
INSTANTIATE_TEST_SUITE_P(Models, HessianTest,
                         testing::Combine(testing::Values(NormPosition::post, NormPosition::pre), testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param) == NormPosition::pre ? "pre" : "post") +
                                  (std::get<1>(info.param) ? "_causal_padding" : "");
                         });

// The four-point difference of gradients: truncation falls with h^4, rounding is about 1e-15 / h = 1e-9 of H v. The
// step is small because the head has a ReLU for each of 160 units: at h = 1e-4 one of their kinks lies between the
// points.
TEST_P(HessianTest, TimesAVectorIsTheDifferenceOfGradients) {
  Trained model = trained(DType::float64);
  const TensorList v = random_direction(model, "v");
  const TensorList product = model.hessian_times(v);
  constexpr double h = 1e-6;
  const auto gradient_at = [&](double step) {
    model.move(v, step);
    TensorList gradient = model.gradient();
    model.move(v, -step);
    return gradient;
  };
  const TensorList a = gradient_at(h), b = gradient_at(-h), c = gradient_at(2 * h), d = gradient_at(-2 * h);
  TensorList numeric;
  for (size_t i = 0; i < a.size(); ++i) numeric.push_back((8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12 * h));
  EXPECT_LT(relative_distance(product, numeric), 1e-6);
  EXPECT_GT(inner_product(product, product), 1);
}

// Every parameter has a second derivative somewhere: none is left out by accident.
TEST_P(HessianTest, ReachesEveryParameter) {
  const Trained model = trained(DType::float64);
  const TensorList product = model.hessian_times(random_direction(model, "v"));
  for (size_t i = 0; i < product.size(); ++i) {
    EXPECT_GT(inner_product({product[i]}, {product[i]}), 1e-12) << model.leaves()[i].name();
  }
}

// u' H v = v' H u. Sums of some 5,000 terms that differ in size: 1e-10 of the larger norms.
TEST_P(HessianTest, IsSymmetric) {
  const Trained model = trained(DType::float64);
  const TensorList u = random_direction(model, "u"), v = random_direction(model, "v");
  const TensorList hu = model.hessian_times(u), hv = model.hessian_times(v);
  const double size = std::sqrt(inner_product(u, u) * inner_product(hv, hv));
  EXPECT_NEAR(inner_product(u, hv), inner_product(v, hu), 1e-10 * size);
  // A sharper statement, as the two products themselves are small beside the norms.
  EXPECT_NEAR(inner_product(u, hv) / inner_product(v, hu), 1, 1e-10);
}

// The reference gives the same first gradient as the kernels: two independent derivations.
TEST_P(HessianTest, TheDifferentiableGradientIsTheGradient) {
  const Trained model = trained(DType::float64);
  const HigherOrder guard;
  EXPECT_LT(relative_distance(model.gradient(), grad(model.loss(), model.leaves(), {.differentiable = true})), 1e-13);
}

// float32 has 6e-8; some twenty layers of sums multiply it by a few tens.
TEST_P(HessianTest, Float32GradientIsNearFloat64) {
  const Trained wide = trained(DType::float64), narrow = trained(DType::float32);
  EXPECT_LT(relative_distance(wide.gradient(), narrow.gradient()), 1e-5);
  EXPECT_NEAR(wide.loss().item(), narrow.loss().item(), 1e-5 * wide.loss().item());
}

}  // namespace
}  // namespace transformlet
