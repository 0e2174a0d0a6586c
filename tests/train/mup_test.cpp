// muP (Yang et al. 2022, table 3): how a decoder begins and how fast it moves, by its width.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/decoder.h"
#include "tests/tensors.h"
#include "train/config/reader.h"
#include "train/experiment.h"

namespace transformlet {
namespace {

ExperimentConfig config_of(int64_t width, const std::string& parametrization) {
  return read_config_text<ExperimentConfig>(
      "c.yaml", fmt::format("task: {{name: repeat, vocab_size: 64, seq_len: 8}}\n"
                            "model: {{kind: decoder, num_layers: 2, num_heads: 2, d_model: {}, norm: none, "
                            "tie_embeddings: false, init_deviation: 0.1, base_width: 32, parametrization: {}}}\n",
                            width, parametrization));
}

double deviation(const Parameters& parameters, const std::string& name) {
  for (const Parameter& parameter : parameters.list()) {
    if (parameter.value.name() != name) continue;
    double squares = 0;
    for (const double value : parameter.value.to_vector()) squares += value * value;
    return std::sqrt(squares / static_cast<double>(parameter.value.size()));
  }
  return NAN;
}

TEST(Mup, ChangesNothingAtItsBaseWidth) {
  ExperimentConfig mup = config_of(32, "mup"), standard = config_of(32, "standard");
  const Experiment a(mup), b(standard);
  EXPECT_TRUE(same_bits(a.parameters.tensors(), b.parameters.tensors()));
  const Tokens ids({1, 2, 3, 4, 5, 6}, {2, 3});
  // The scale of scores is the same but for its rounding.
  EXPECT_LT(relative_distance((*a.model)(ids, {}, Pass::evaluation()), (*b.model)(ids, {}, Pass::evaluation())), 1e-6);
  EXPECT_EQ(mup.model->rate_scale(), 1);
}

// Four times as wide. A deviation of n draws is known to 1 / sqrt(2 n): 0.8 % for the head, the smallest; 4 of that.
TEST(Mup, ScalesWithTheWidth) {
  ExperimentConfig config = config_of(128, "mup");
  const Experiment experiment(config);
  const auto expect = [&](const std::string& name, double expected) {
    EXPECT_NEAR(deviation(experiment.parameters, name) / expected, 1, 0.032) << name;
  };
  expect("embedding.weight", 0.1);
  expect("decoder.blocks.0.attention.qkv.weight", 0.1 / 2);
  expect("decoder.blocks.1.feed_forward.up.weight", 0.1 / 2);
  expect("decoder.blocks.1.feed_forward.down.weight", 0.1 / 2 / 2);  // what GPT-2 divides by for two blocks, too
  expect("head.weight", 0.1 / 4);
  const auto& decoder = dynamic_cast<const Decoder&>(*experiment.model);
  const double at_base = 1 / std::sqrt(16.0);  // head size 16 there, and 64 here: four times smaller
  EXPECT_NEAR(*decoder.blocks.blocks[0].attention.options.scale, at_base / 4, 1e-15);
  EXPECT_EQ(config.model->rate_scale(), 0.25);
}

TEST(Mup, RefusesWhatItIsNotMadeFor) {
  const auto refusal = [](const std::string& model, const std::string& rest = "") {
    return error_text([&] {
      read_config_text<ExperimentConfig>(
          "c.yaml",
          "task: {name: repeat}\nmodel: {kind: decoder, d_model: 64, base_width: 32, " + model + "}\n" + rest);
    });
  };
  EXPECT_NE(refusal("parametrization: mup").find("set tie_embeddings to false"), std::string::npos);
  EXPECT_NE(refusal("parametrization: mup, tie_embeddings: false, d_ff: 9").find("set it to 0"), std::string::npos);
  const std::string right = "parametrization: mup, tie_embeddings: false";
  EXPECT_EQ(refusal(right), "no error");
  EXPECT_NE(refusal(right, "optimizer: {name: muon}\n").find("must be adam or adamw with parametrization: mup"),
            std::string::npos);
}

}  // namespace
}  // namespace transformlet
