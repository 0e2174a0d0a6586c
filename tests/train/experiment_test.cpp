// Which parameters an optimiser treats in which way.
#include "train/experiment.h"

#include <gtest/gtest.h>

#include <set>

#include "train/config/reader.h"

namespace transformlet {
namespace {

// The parameters that Muon orthogonalises: the others have two moments.
std::set<std::string> orthogonalized(const std::string& model) {
  auto config = read_config_text<ExperimentConfig>(
      "c.yaml", "task: {name: reverse, train_size: 64, val_size: 0, test_size: 0}\nmodel: " + model +
                    "\noptimizer: {name: muon}\n");
  const Experiment experiment(config);
  std::set<std::string> names;
  for (const NamedState& state : experiment.optimizer->state()) {
    if (state.name.ends_with("/momentum")) names.insert(state.name.substr(0, state.name.find('/')));
  }
  return names;
}

TEST(Experiment, MuonTakesTheMatricesBetweenHiddenLayers) {
  EXPECT_EQ(orthogonalized("{kind: encoder, input: one_hot}"),
            (std::set<std::string>{"encoder.blocks.0.attention.qkv.weight", "encoder.blocks.0.attention.out.weight",
                                   "encoder.blocks.0.feed_forward.up.weight",
                                   "encoder.blocks.0.feed_forward.down.weight", "head.hidden.weight"}));
  EXPECT_EQ(orthogonalized("{kind: encoder, input: embedding, position: learned}").size(), 5u);
  for (const char* const tied : {"true", "false"}) {
    const auto names = orthogonalized(std::string("{kind: decoder, num_layers: 1, tie_embeddings: ") + tied + "}");
    EXPECT_EQ(names, (std::set<std::string>{
                         "decoder.blocks.0.attention.qkv.weight", "decoder.blocks.0.attention.out.weight",
                         "decoder.blocks.0.feed_forward.up.weight", "decoder.blocks.0.feed_forward.down.weight"}));
  }
}

// The first and last matrices are weights as all others are.
TEST(Experiment, WeightsDecayAndNothingElse) {
  auto config = read_config_text<ExperimentConfig>(
      "c.yaml", "task: {name: reverse, train_size: 64, val_size: 0, test_size: 0}\nmodel: {kind: encoder}\n");
  const Experiment experiment(config);
  for (const Parameter& parameter : experiment.parameters.list()) {
    EXPECT_EQ(decays(parameter, config.optimizer), parameter.value.name().ends_with(".weight"))
        << parameter.value.name();
  }
}

}  // namespace
}  // namespace transformlet
