// Interventions against other ways to the same numbers: other models, other weights, numbers made by hand.
#include "study/intervention.h"

#include <gtest/gtest.h>

#include <set>

#include "autograd/gradcheck.h"
#include "layers/decoder.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

const ModelSizes sizes{.vocab_size = 5, .classes = 5, .max_length = 4};
constexpr int64_t d_model = 8, num_heads = 4;
const Tokens ids({1, 2, 3, 4, 4, 0, 1, 2, 3, 3, 0, 1}, {3, 4});
const Tokens targets({2, 3, 4, 0, 0, 1, 2, 3, 3, 0, 1, 2}, {3, 4});

// A decoder of two blocks, and its parameters.
struct Small {
  explicit Small(uint64_t seed, double dropout = 0) {
    const DecoderOptions options{.blocks = {.num_layers = 2,
                                            .num_heads = num_heads,
                                            .d_model = d_model,
                                            .d_ff = 16,
                                            .norm_position = NormPosition::pre,
                                            .activation = Activation::gelu,
                                            .dropout = dropout,
                                            .final_norm = true}};
    model = std::make_unique<Decoder>(Scope(parameters, seed, DType::float64), options, sizes);
    for (Tensor weight : parameters.tensors()) {  // biases begin at 0, where mistakes would hide
      const Tensor noise = random_tensor(fmt::format("{} {}", seed, weight.name()), weight.shape());
      for (int64_t i = 0; i < weight.size(); ++i) overwrite<double>(weight)[i] += 0.3 * noise.data<double>()[i];
    }
  }
  Tensor weight(const std::string& name) const {
    for (const Tensor& tensor : parameters.tensors()) {
      if (tensor.name() == name) return tensor;
    }
    fail("there is no {}", name);
  }

  Parameters parameters;
  std::unique_ptr<Model> model;
};

Tensor logits_of(const Model& model) { return detach(model({.ids = ids}, Pass::evaluation())); }

Tensor logits_with(Small small, const std::vector<Intervention>& interventions, IntervenedModel::Others others = {}) {
  return logits_of(IntervenedModel(std::move(small.model), interventions, sizes, RandomKey(1), std::move(others)));
}

// Where the same kernels run: those who see weights, queries, keys or values get them from others.
const std::vector<std::string> fused = {"*put", "*middle", "*hidden", "*heads", "*.attention.values", "logits"};

TEST(Patching, EverythingMakesTheOtherModel) {
  const std::shared_ptr<const Model> other = Small(2).model;
  const Tensor theirs = logits_of(*other);
  EXPECT_TRUE(same_bits(theirs, logits_with(Small(1), {{.kind = "patch", .at = fused, .from = "b"}}, {{"b", other}})));
  // Other kernels add in another order.
  EXPECT_LT(
      largest_difference(theirs, logits_with(Small(1), {{.kind = "patch", .at = {"*"}, .from = "b"}}, {{"b", other}})),
      1e-12);
}

// What lies behind the patch is the same in both; what lies before it no longer matters.
TEST(Patching, CutsOffWhatLiesBefore) {
  Small ours(1);
  const Small theirs(2);
  for (Tensor weight : ours.parameters.tensors()) {
    if (weight.name().starts_with("decoder.blocks.0.")) continue;
    const std::vector<double> values = theirs.weight(weight.name()).to_vector();
    std::copy(values.begin(), values.end(), overwrite<double>(weight));
  }
  const Tensor wanted = logits_of(*theirs.model);
  EXPECT_GT(largest_difference(wanted, logits_of(*ours.model)), 1e-2);
  const std::vector<Intervention> patch = {{.kind = "patch", .at = {"decoder.blocks.0.output"}, .from = "b"}};
  EXPECT_TRUE(same_bits(wanted, logits_with(std::move(ours), patch, {{"b", Small(2).model}})));
}

TEST(Patching, FromAnotherInput) {
  const auto clean = std::make_shared<const ModelInputs>(ModelInputs{.ids = ids});
  std::vector<int32_t> corrupted = ids.ids();
  corrupted[5] = 3;  // sample 1, position 1
  const auto run = [&](const std::vector<Intervention>& interventions) {
    const IntervenedModel model(Small(1).model, interventions, sizes, RandomKey(1));
    return detach(model({.ids = Tokens(corrupted, {3, 4}), .other = clean}, Pass::evaluation()));
  };
  const Tensor wanted = logits_of(*Small(1).model), given = run({{.kind = "scale", .at = {"logits"}}});
  EXPECT_GT(largest_difference(wanted, given), 1e-3);
  EXPECT_TRUE(same_bits(wanted, run({{.kind = "patch", .at = {"decoder.blocks.0.input"}}})));
  // At the corrupted position alone it is as good; at another one it changes nothing.
  EXPECT_TRUE(same_bits(wanted, run({{.kind = "patch", .at = {"decoder.blocks.0.input"}, .positions = {1}}})));
  EXPECT_TRUE(same_bits(given, run({{.kind = "patch", .at = {"decoder.blocks.0.input"}, .positions = {0, 2, -1}}})));
}

TEST(Ablation, OfAHeadIsThatOfItsColumnsOfTheOutWeight) {
  const Small cut(1);
  Tensor weight = cut.weight("decoder.blocks.1.attention.out.weight");
  const int64_t head_size = d_model / num_heads;
  for (int64_t row = 0; row < d_model; ++row) {
    for (int64_t column = 2 * head_size; column < 3 * head_size; ++column) {
      overwrite<double>(weight)[row * d_model + column] = 0;
    }
  }
  const Tensor ablated = logits_with(Small(1), {{.at = {"decoder.blocks.1.attention.heads"}, .heads = {2}}});
  EXPECT_LT(largest_difference(logits_of(*cut.model), ablated), 1e-14);  // logits near 1, of some ten roundings
  EXPECT_GT(largest_difference(logits_of(*Small(1).model), ablated), 1e-3);
}

// Its logits are what it is given.
struct Given : Model {
  explicit Given(Tensor given) : x(std::move(given)) {}
  Tensor operator()(const ModelInputs&, const Pass& pass) const override { return pass.tap("", "logits", x); }
  std::vector<NamedLayer> layers() const override { return {}; }
  Tensor x;
};

Tensor counted(const Shape& shape) {
  std::vector<double> values;
  for (int64_t i = 0; i < shape.size(); ++i) values.push_back(static_cast<double>(i));
  return tensor(values, shape, DType::float64);
}

std::vector<double> changed(const Shape& shape, const std::vector<Intervention>& interventions, uint64_t key = 1) {
  const IntervenedModel model(std::make_unique<Given>(counted(shape)), interventions, sizes, RandomKey(key));
  return model({.ids = Tokens({0}, {1, 1})}, Pass::evaluation()).to_vector();
}

using Numbers = std::vector<double>;

TEST(Kinds, AgainstNumbersByHand) {
  // Two samples of three positions of two.
  EXPECT_EQ(changed({2, 3, 2}, {{.kind = "mean", .at = {"logits"}}}), (Numbers{3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(changed({2, 3, 2}, {{.kind = "mean", .at = {"logits"}, .positions = {1}}}),
            (Numbers{0, 1, 5, 6, 4, 5, 6, 7, 5, 6, 10, 11}));
  EXPECT_EQ(changed({2, 3, 2}, {{.kind = "resample", .at = {"logits"}, .positions = {0}}}),
            (Numbers{6, 7, 2, 3, 4, 5, 0, 1, 8, 9, 10, 11}));
  EXPECT_EQ(changed({2, 3, 2}, {{.kind = "scale", .at = {"l*s"}, .positions = {-1}, .factor = -2}}),
            (Numbers{0, 1, 2, 3, -8, -10, 6, 7, 8, 9, -20, -22}));
  // One sample, two heads, two positions, two numbers each.
  EXPECT_EQ(changed({1, 2, 2, 2}, {{.at = {"logits"}, .heads = {1}}}), (Numbers{0, 1, 2, 3, 0, 0, 0, 0}));
  EXPECT_EQ(changed({1, 2, 2, 2}, {{.at = {"logits"}, .positions = {1}}}), (Numbers{0, 1, 0, 0, 4, 5, 0, 0}));
  EXPECT_EQ(changed({1, 2, 2, 2}, {{.at = {"logits"}, .heads = {1}, .positions = {-2}}}),
            (Numbers{0, 1, 2, 3, 0, 0, 6, 7}));
  EXPECT_EQ(changed({1, 2, 2, 2}, {{.at = {"logits"}, .heads = {0, 1}, .positions = {0, 1}}}), Numbers(8, 0));
  // In their order.
  EXPECT_EQ(changed({2, 1}, {{.kind = "scale", .at = {"logits"}, .factor = 3}, {.kind = "mean", .at = {"logits"}}}),
            (Numbers{1.5, 1.5}));
}

// Nobody keeps his own, everybody's is somebody's; the key decides.
TEST(Kinds, ResampleIsACycle) {
  std::set<Numbers> seen;
  for (uint64_t key = 1; key <= 20; ++key) {
    const Numbers y = changed({5, 1}, {{.kind = "resample", .at = {"logits"}}}, key);
    EXPECT_EQ(y, changed({5, 1}, {{.kind = "resample", .at = {"logits"}}}, key));
    EXPECT_EQ(std::set<double>(y.begin(), y.end()), (std::set<double>{0, 1, 2, 3, 4}));
    size_t at = 0, steps = 0;
    do {
      at = static_cast<size_t>(y[at]);
      ++steps;
    } while (at != 0 && steps < 9);
    EXPECT_EQ(steps, 5u);
    seen.insert(y);
  }
  EXPECT_GE(seen.size(), 10u);  // of 24 cycles
}

TEST(Interventions, HaveRightGradientsInTraining) {
  const std::vector<Intervention> interventions = {
      {.at = {"decoder.blocks.0.attention.heads"}, .heads = {1}, .positions = {2}},
      {.kind = "mean", .at = {"decoder.blocks.0.feed_forward.hidden"}, .positions = {1, 2}},
      {.kind = "resample", .at = {"decoder.blocks.1.attention.v"}, .heads = {0, 3}},
      {.kind = "scale", .at = {"decoder.blocks.1.attention.weights"}, .heads = {2}, .factor = 0.5},
      {.kind = "patch", .at = {"decoder.blocks.1.middle"}, .positions = {0}, .from = "b"}};
  Small small(1, 0.2);
  const TensorList parameters = small.parameters.tensors();
  const IntervenedModel model(std::move(small.model), interventions, sizes, RandomKey(1), {{"b", Small(2).model}});
  const auto loss = [&](const TensorList&) -> TensorList {
    return {cross_entropy(model({.ids = ids}, Pass::training(1, 3)), targets)};
  };
  const GradcheckResult result = gradcheck(loss, parameters, {.max_entries = 6});
  EXPECT_TRUE(result.ok()) << result;
}

// Those who look see what the model goes on with.
TEST(Interventions, AreSeenByOtherTaps) {
  const IntervenedModel model(Small(1).model, {{.at = {"decoder.blocks.1.output"}}}, sizes, RandomKey(1));
  Collector collector(".output");
  model({.ids = ids}, Pass::evaluation().with_tap(collector));
  ASSERT_EQ(collector.activations().size(), 2u);
  EXPECT_EQ(largest_difference(zeros({3, 4, d_model}, DType::float64), detach(collector.activations()[1])), 0);
  EXPECT_GT(largest_difference(zeros({3, 4, d_model}, DType::float64), detach(collector.activations()[0])), 1e-2);
}

TEST(Interventions, HoldInAPassThatContinues) {
  const NoRecording off;
  const IntervenedModel model(Small(1).model,
                              {{.at = {"decoder.blocks.0.attention.heads"}, .heads = {1}},
                               {.kind = "scale", .at = {"decoder.blocks.1.output"}, .positions = {2}, .factor = 3}},
                              sizes, RandomKey(1));
  KeyValueCache cache(4);
  for (int64_t i = 0; i < 4; ++i) {
    const Tensor one = model({.ids = Tokens({ids[i]}, {1, 1})}, Pass::evaluation().with_cache(cache));
    cache.advance(1);
    const Tensor whole = model({.ids = ids.samples(0, 1)}, Pass::evaluation());
    EXPECT_LT(largest_difference(slice(whole, 1, i, i + 1), one), 1e-13) << i;  // other kernels, another order
  }
  const IntervenedModel mean(Small(1).model, {{.kind = "mean", .at = {"logits"}}}, sizes, RandomKey(1));
  KeyValueCache fresh(4);
  EXPECT_EQ(error_text([&] { mean({.ids = ids}, Pass::evaluation().with_cache(fresh)); }),
            "interventions: mean can't be done where a sequence is read token by token; zero and scale can, at "
            "positions counted from the start");
}

TEST(Interventions, SayWhatIsWrong) {
  const auto error = [](const Intervention& intervention) {
    return error_text([&] { logits_with(Small(1), {{.at = {"logits"}}, intervention}); });
  };
  EXPECT_EQ(error({.at = {"decoder.block.0.attention.heads"}}),
            "interventions[1].at: 'decoder.block.0.attention.heads' matches no activation of the model; near are "
            "decoder.blocks.0.attention.heads, decoder.blocks.1.attention.heads, decoder.blocks.0.attention.q");
  EXPECT_EQ(error({.at = {"*.heads"}, .heads = {0, 4}}),
            "interventions[1]: decoder.blocks.0.attention.heads (1, 4, 4, 2) has no head 4");
  EXPECT_EQ(error({.at = {"*.output"}, .heads = {0}}),
            "interventions[1]: decoder.blocks.0.output (1, 4, 8) has no heads");
  EXPECT_EQ(error({.at = {"logits"}, .positions = {-5}}), "interventions[1]: logits (1, 4, 5) has no position -5");
  EXPECT_EQ(error_text([] {
              changed({1, 2}, {{.kind = "resample", .at = {"logits"}}});
            }),
            "interventions: resample takes from another sample, and this batch has 1; choose a train.batch_size that "
            "leaves no sample alone");
}

}  // namespace
}  // namespace transformlet
