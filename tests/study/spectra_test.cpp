// Singular values and ranks of matrices whose spectra are known.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

// Orthogonal rows, and one of padding.
struct Fixed : Model {
  Tensor operator()(const ModelInputs&, const Pass& pass) const override {
    const Tensor x = tensor({3, 4, 0,  //
                             4, -3, 0, 9, 9, 9},
                            {1, 3, 3}, DType::float32);
    pass.tap("decoder.blocks.0", "values", x);
    return pass.tap("decoder.blocks.0", "output", x);
  }
  std::vector<NamedLayer> layers() const override { return {}; }
};

struct SpectraProbe : testing::Test {
  SpectraProbe() {
    const Scope scope(parameters, 1, DType::float64);
    Tensor weight = scope.parameter("weight", {2, 3}, all_zeros());
    overwrite<double>(weight)[2] = -3;  // singular values 3 and 1
    overwrite<double>(weight)[3] = 1;
    scope.parameter("nothing", {2, 2}, all_zeros());
    scope.parameter("bias", {3}, all_ones());
  }

  std::map<std::string, double> measure(const std::string& keys) const {
    const ModelInputs examples{.ids = Tokens({1, 2, 3}, {1, 3}), .mask = Mask::padding({2})};
    return measured("spectra", view_of(Fixed(), parameters, examples), keys);
  }

  Parameters parameters;
};

TEST_F(SpectraProbe, MeasuresWeights) {
  auto values = measure("activations: []");
  ASSERT_EQ(values.size(), 6u);  // ranks of zeros are no numbers, and biases no matrices
  EXPECT_EQ(values["weight/largest"], 3);
  EXPECT_EQ(values["weight/smallest"], 1);
  EXPECT_NEAR(values["weight/effective_rank"], 4 / std::pow(3, 0.75), 1e-15);  // of the shares 3/4 and 1/4
  EXPECT_NEAR(values["weight/stable_rank"], 10.0 / 9, 1e-15);
  EXPECT_EQ(values["nothing/largest"], 0);
  EXPECT_EQ(values["nothing/smallest"], 0);
}

TEST_F(SpectraProbe, MeasuresActivationsOfTokens) {
  auto values = measure("");
  EXPECT_EQ(values.size(), 6u + 4u);
  EXPECT_EQ(values.count("decoder.blocks.0.values/largest"), 0u);
  EXPECT_NEAR(values["decoder.blocks.0.output/largest"], 5, 1e-14);  // both rows have the length 5
  EXPECT_NEAR(values["decoder.blocks.0.output/smallest"], 5, 1e-14);
  EXPECT_NEAR(values["decoder.blocks.0.output/effective_rank"], 2, 1e-14);
  EXPECT_NEAR(values["decoder.blocks.0.output/stable_rank"], 2, 1e-14);
  EXPECT_EQ(measure("activations: [values, output]").size(), 6u + 8u);
}

TEST_F(SpectraProbe, WritesTheLeadingValues) {
  auto values = measure("activations: [], leading: 1");
  EXPECT_EQ(values["weight/singular_value.1"], 3);
  EXPECT_EQ(values.count("weight/singular_value.2"), 0u);
  EXPECT_EQ(measure("activations: [], leading: 100")["weight/singular_value.2"], 1);
}

}  // namespace
}  // namespace transformlet
