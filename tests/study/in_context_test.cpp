// The loss late and early in sequences, of a model that says what it is told.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

constexpr int32_t ignored = -100;

// At place t of T, counted from 1, the right one of two classes has the odds t : 1.
struct Learner : Model {
  explicit Learner(int64_t length) : length(length) {}
  Tensor operator()(const ModelInputs&, const Pass&) const override {
    std::vector<double> logits;
    for (int64_t i = 0; i < 2 * length; ++i) {
      logits.push_back(std::log(static_cast<double>(i % length + 1)));
      logits.push_back(0);
    }
    return tensor(logits, {2, length, 2}, DType::float64);
  }
  std::vector<NamedLayer> layers() const override { return {}; }

  int64_t length;
};

double loss_at(double place) { return std::log((place + 1) / place); }

std::map<std::string, double> measure(int64_t length, const std::vector<int32_t>& targets) {
  const Learner model(length);
  const Parameters parameters;
  const ModelInputs examples;
  ProbeView view = view_of(model, parameters, examples);
  view.targets = Tokens(targets, {2, length});
  return measured("in_context", view);
}

TEST(InContextProbe, ComparesLateWithEarly) {
  for (const int64_t length : {600, 30, 4}) {
    auto values = measure(length, std::vector<int32_t>(static_cast<size_t>(2 * length), 0));
    const double early = length == 600 ? 50 : length == 30 ? 3 : 1, late = std::min<double>(500, length);
    ASSERT_EQ(values.size(), 3u);
    EXPECT_NEAR(values["early"], loss_at(early), 1e-15);
    EXPECT_NEAR(values["late"], loss_at(late), 1e-15);
    EXPECT_EQ(values["score"], values["late"] - values["early"]);
  }
}

// The mean is over targets that count: here the first sample's first is the rarer class, and its last does not count.
TEST(InContextProbe, LeavesOutWhatIsNoTarget) {
  auto values = measure(2, {1, ignored, 0, 0});
  EXPECT_NEAR(values["early"], loss_at(1), 1e-15);  // both classes have the odds 1 : 1
  EXPECT_NEAR(values["late"], loss_at(2), 1e-15);
  values = measure(2, {1, 1, 0, 0});
  EXPECT_NEAR(values["late"], (loss_at(2) + std::log(3)) / 2, 1e-15);
  EXPECT_TRUE(measure(2, {1, ignored, 0, ignored}).empty());
  EXPECT_TRUE(measure(1, {0, 0}).empty());
}

TEST(InContextProbe, IsForTasksThatAskAtPlaces) {
  const auto probe = registry<Probe>().at("in_context").make();
  EXPECT_EQ(probe->misfit(Learner(2), {.vocab_size = 2, .classes = 2}), "");
  EXPECT_EQ(probe->misfit(Learner(2), {.vocab_size = 2, .classes = 2, .whole_sequences = true}),
            "compares places, and this task judges sequences as a whole");
  EXPECT_EQ(probe->misfit(Learner(2), {.classes = 1, .features = 3}),
            "measures the loss of tokens, and this task has none");
}

}  // namespace
}  // namespace transformlet
