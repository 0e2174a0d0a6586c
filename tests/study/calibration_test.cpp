// Calibration against numbers made by hand.
#include "study/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops.h"
#include "study/probe.h"

namespace transformlet {
namespace {

// Logits of two classes whose first has these probabilities.
Tensor logits_of(const std::vector<double>& probabilities) {
  std::vector<double> logits;
  for (const double p : probabilities) {
    logits.push_back(std::log(p) + 3);  // a shift of both changes nothing
    logits.push_back(std::log(1 - p) + 3);
  }
  return tensor(logits, {static_cast<int64_t>(probabilities.size()), 2}, DType::float64);
}

constexpr int32_t ignored = CrossEntropyOptions().ignored;

// 0.61 and 0.62 lie in bin 9, between 0.6 and 0.667; 0.9 in bin 13, 0.95 in bin 14; 0.2 says 0.8 for the other class.
TEST(Calibration, SortsPredictionsIntoBins) {
  Calibration calibration;
  calibration.add(logits_of({0.61, 0.62, 0.9, 0.3}), Tokens({0, 1, 0, ignored}, {4}));
  calibration.add(logits_of({0.95, 0.2}), Tokens({0, 1}, {2}));
  EXPECT_EQ(calibration.bins[9].count, 2);
  EXPECT_EQ(calibration.bins[9].accuracy(), 0.5);
  EXPECT_NEAR(calibration.bins[9].confidence(), 0.615, 1e-15);
  EXPECT_EQ(calibration.bins[11].correct, 1);
  EXPECT_EQ(calibration.bins[13].count, 1);
  EXPECT_EQ(calibration.bins[14].count, 1);
  EXPECT_EQ(calibration.total().count, 5);
  EXPECT_EQ(calibration.total().accuracy(), 0.8);
  EXPECT_NEAR(calibration.total().confidence(), (0.61 + 0.62 + 0.9 + 0.95 + 0.8) / 5, 1e-15);
  // 2/5 |1/2 - 0.615| + 1/5 (0.2 + 0.1 + 0.05)
  EXPECT_NEAR(calibration.expected_error(), (0.23 + 0.2 + 0.1 + 0.05) / 5, 1e-15);
}

TEST(Calibration, AtTheEnds) {
  Calibration calibration;
  calibration.add(tensor({2000, 0, 0, 0, 5, 5, 5, 5}, {2, 4}, DType::float32), Tokens({0, 1}, {2}));
  EXPECT_EQ(calibration.bins[14].confidence(), 1);
  EXPECT_EQ(calibration.bins[3].confidence(), 0.25);  // of 15 bins the fourth ends at 4/15
  EXPECT_EQ(calibration.bins[3].accuracy(), 0);       // of equals the first is taken
  EXPECT_EQ(calibration.expected_error(), 0.125);
}

struct Given : Model {
  Tensor operator()(const ModelInputs&, const Pass&) const override { return logits_of({0.61, 0.62, 0.9, 0.3}); }
  std::vector<NamedLayer> layers() const override { return {}; }
};

TEST(CalibrationProbe, MeasuresWhatCounts) {
  const Given model;
  const Parameters parameters;
  const ModelInputs examples{.ids = Tokens({0, 0, 0, 0}, {4})};
  ProbeView view{.step = 1, .model = model, .parameters = parameters, .examples = examples};
  view.targets = Tokens({0, 1, 0, ignored}, {4});
  const auto probe = registry<Probe>().at("calibration").make();
  const Measurements values = probe->measure(view);
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].first, "error");
  EXPECT_NEAR(values[0].second, (0.23 + 0.1) / 3, 1e-15);
  EXPECT_NEAR(values[1].second, (0.61 + 0.62 + 0.9) / 3, 1e-15);
  EXPECT_NEAR(values[2].second, 2.0 / 3, 1e-15);
  view.targets = Tokens({ignored, ignored, ignored, ignored}, {4});
  EXPECT_TRUE(probe->measure(view).empty());
}

}  // namespace
}  // namespace transformlet
