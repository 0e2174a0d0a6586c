// What can be tapped: names, shapes, and that each activation is the one that the model goes on with.
#include "layers/tap_points.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/registry.h"
#include "layers/encoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

class Replace : public Tap {
 public:
  Replace(std::string name, std::function<Tensor(const Tensor&)> by) : name_(std::move(name)), by_(std::move(by)) {}
  bool wants(std::string_view name) const override { return name == name_; }
  Tensor receive(std::string_view, const Tensor& x) override { return by_(x); }

 private:
  std::string name_;
  std::function<Tensor(const Tensor&)> by_;
};

struct Kind {
  const char* name;
  ModelSizes sizes;
};

class TapPoints : public testing::TestWithParam<Kind> {
 protected:
  TapPoints() : model(registry<ModelConfig>().at(GetParam().name).make()->build(scope(), GetParam().sizes)) {
    // Weights that begin at 0 would hide what is in front of them.
    for (Tensor weight : parameters.tensors()) {
      const Tensor values = random_tensor(weight.name(), weight.shape());
      for (int64_t i = 0; i < weight.size(); ++i) overwrite<double>(weight)[i] += 0.1 * values.data<double>()[i];
    }
    inputs.ids = Tokens({1, 2, 3, 2, 0, 1}, {2, 3});
    if (GetParam().sizes.source_vocab_size > 0) inputs.source = Tokens({3, 1, 2, 2, 0, 1, 1, 3}, {2, 4});
  }
  Scope scope() { return {parameters, 1, DType::float64}; }

  Parameters parameters;
  std::unique_ptr<Model> model;
  ModelInputs inputs;
};

TEST_P(TapPoints, AreWhatTheModelGoesOnWith) {
  const NoRecording off;
  const Tensor logits = (*model)(inputs, Pass::evaluation());
  const std::vector<TapPoint> points = tap_points(*model, GetParam().sizes);
  ASSERT_GE(points.size(), 13u);  // of one block
  for (const TapPoint& point : points) {
    SCOPED_TRACE(point.name);
    Replace same(point.name, [](const Tensor& x) { return x; });
    // To rounding: those who see weights, queries, keys or values get them from other kernels.
    EXPECT_LT(largest_difference(logits, (*model)(inputs, Pass::evaluation().with_tap(same))), 1e-12);
    Replace other(point.name, [](const Tensor& x) { return x * 0.5; });
    EXPECT_GT(largest_difference(logits, (*model)(inputs, Pass::evaluation().with_tap(other))), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, TapPoints,
    testing::Values(
        Kind{"decoder", {.vocab_size = 4, .classes = 4, .max_length = 5}},
        Kind{"encoder", {.vocab_size = 4, .classes = 4, .max_length = 5}},
        Kind{"classifier", {.vocab_size = 4, .classes = 2, .max_length = 5, .whole_sequences = true}},
        Kind{"encoder_decoder",
             {.vocab_size = 4, .classes = 4, .max_length = 5, .source_vocab_size = 4, .source_max_length = 6}}),
    [](const auto& info) { return info.param.name; });

TEST(TapPointNames, OfABlock) {
  Parameters parameters;
  const ModelSizes sizes{.vocab_size = 4, .classes = 4, .max_length = 5};
  const std::unique_ptr<Model> model =
      registry<ModelConfig>().at("decoder").make()->build(Scope(parameters, 1, DType::float32), sizes);
  std::string text;
  for (const TapPoint& point : tap_points(*model, sizes)) {
    if (point.name.find("blocks.1") == point.name.npos) text += fmt::format("{} {}\n", point.name, point.shape);
  }
  EXPECT_EQ(text,
            "decoder.blocks.0.input (1, 5, 128)\n"
            "decoder.blocks.0.attention.q (1, 4, 5, 32)\n"
            "decoder.blocks.0.attention.k (1, 4, 5, 32)\n"
            "decoder.blocks.0.attention.v (1, 4, 5, 32)\n"
            "decoder.blocks.0.attention.weights (1, 4, 5, 5)\n"
            "decoder.blocks.0.attention.values (1, 5, 128)\n"
            "decoder.blocks.0.attention.heads (1, 4, 5, 32)\n"
            "decoder.blocks.0.attention_output (1, 5, 128)\n"
            "decoder.blocks.0.middle (1, 5, 128)\n"
            "decoder.blocks.0.feed_forward.hidden (1, 5, 512)\n"
            "decoder.blocks.0.feed_forward_output (1, 5, 128)\n"
            "decoder.blocks.0.output (1, 5, 128)\n"
            "decoder.final_norm_output (1, 5, 128)\n"
            "logits (1, 5, 4)\n");
}

// Weights that somebody wants are those of all tokens so far, in a pass that continues, too.
TEST(TapPointsInACache, AreThoseOfTheWholeSequence) {
  Parameters parameters;
  const std::unique_ptr<Model> model = registry<ModelConfig>().at("decoder").make()->build(
      Scope(parameters, 1, DType::float64), {.vocab_size = 4, .classes = 4, .max_length = 5});
  const NoRecording off;
  const Tokens ids({1, 2, 3, 0}, {1, 4});
  const Tensor whole = (*model)(ids, {}, Pass::evaluation());
  KeyValueCache cache(4);
  Collector weights(".weights");
  const Pass pass = Pass::evaluation().with_cache(cache).with_tap(weights);
  (*model)(Tokens({1, 2, 3}, {1, 3}), {}, pass);
  cache.advance(3);
  const Tensor last = (*model)(Tokens({0}, {1, 1}), {}, pass);
  ASSERT_EQ(weights.activations().size(), 4u);
  EXPECT_EQ(weights.activations().back().shape(), (Shape{1, 4, 1, 4}));
  EXPECT_LT(largest_difference(slice(whole, 1, 3, 4), last), 1e-13);  // other kernels add in another order
}

}  // namespace
}  // namespace transformlet
