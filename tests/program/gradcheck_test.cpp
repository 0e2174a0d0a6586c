// `transformlet gradcheck`: the shipped models, layers and ops pass; a model whose gradient is wrong does not.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "layers/basic.h"
#include "layers/model.h"
#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/commands/commands.h"

namespace transformlet {
namespace {

// How many lines of a report begin with a verdict, those of tensors included.
std::map<std::string, int> verdicts_of(const std::string& report) {
  std::map<std::string, int> count;
  for (std::string line : lines_of(report)) {
    line.erase(0, line.find_first_not_of(' ') == line.npos ? 0 : line.find_first_not_of(' '));
    for (const std::string word : {"pass", "FAIL", "unchecked", "audit"}) count[word] += line.starts_with(word + "  ");
  }
  return count;
}

class GradcheckProgram : public testing::Test {
 protected:
  GradcheckProgram() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& words) const {
    Arguments arguments = {"gradcheck"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_program(folder.path, arguments);
  }

  void expect_pass(const Arguments& words, int checks) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err << outcome.out;
    EXPECT_EQ(outcome.err, "");
    // Quiet when all is well: a line for each check, and one or two that say what it comes to.
    EXPECT_EQ(verdicts_of(outcome.out)["pass"], checks) << outcome.out;
    EXPECT_LE(lines_of(outcome.out).size(), static_cast<size_t>(checks) + 2) << outcome.out;
    EXPECT_NE(outcome.out.find("\npass: "), std::string::npos) << outcome.out;
  }

  void expect_refusal(const Arguments& words, const std::string& message) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
  }

  TemporaryFolder folder;
};

// Each layer by itself with its input and parameters, then the whole model.
TEST_F(GradcheckProgram, ShippedConfigsPass) {
  expect_pass({source_path("configs/reverse.yaml")}, 10);
  expect_pass({source_path("configs/sort.yaml")}, 20);
  expect_pass({source_path("configs/copy.yaml")}, 10);
  expect_pass({source_path("configs/repeat.yaml")}, 12);
  expect_pass({source_path("configs/gradcheck/post_norm_padding.yaml")}, 40);
  expect_pass({source_path("configs/gradcheck/cross_attention.yaml")}, 8);
  expect_pass({source_path("configs/gradcheck/attention_dropout.yaml")}, 3);
  expect_pass({source_path("configs/gradcheck/block_dropout.yaml")}, 2);
  expect_pass({source_path("configs/gradcheck/relu_feed_forward.yaml")}, 2);
  expect_pass({source_path("configs/gradcheck/attention_only.yaml")}, 22);
  expect_pass({source_path("configs/gradcheck/no_norm.yaml")}, 10);
  expect_pass({source_path("configs/gradcheck/no_skip.yaml")}, 30);
  expect_pass({source_path("configs/gradcheck/linear_attention.yaml")}, 8);
  expect_pass({source_path("configs/gradcheck/mlp.yaml")}, 4);
  expect_pass({source_path("configs/gradcheck/decoder_of_real_vectors.yaml")}, 8);
}

// With dropout, and every choice that the model offers.
TEST_F(GradcheckProgram, EveryKindOfModelPasses) {
  const int layers = 14;
  expect_pass({"small.yaml"}, layers);
  expect_pass({"small.yaml", "gradcheck.mode=full", "gradcheck.batch_size=1", "gradcheck.entries=20"}, layers);
  for (const std::string override_text :
       {"model.norm_position=pre", "model.activation=gelu", "model.activation=gelu_tanh", "model.position=none",
        "model.position=sinusoidal", "model.packed_init=apart", "train.dtype=float32", "train.threads=1",
        "train.recompute=true", "gradcheck.directions=1"}) {
    SCOPED_TRACE(override_text);
    expect_pass({"small.yaml", override_text}, layers);
  }
  expect_pass({"small.yaml", "model.final_norm=true"}, layers + 1);
  expect_pass({"small.yaml", "model.input=one_hot"}, layers + 1);
  expect_pass({"small.yaml", "gradcheck.order=2"}, 2 * layers);
  const std::string decoder = "num_layers: 2, num_heads: 2, d_model: 8, dropout: 0.1";
  for (const std::string keys : {"", ", bias: false", ", norm_position: post", ", d_ff: 5", ", activation: relu",
                                 ", activation: gelu_tanh", ", position: none", ", position: sinusoidal"}) {
    SCOPED_TRACE(keys);
    const int final_norm = keys == ", norm_position: post" ? 0 : 1;
    expect_pass({"small.yaml", "model={kind: decoder, " + decoder + keys + "}"}, 11 + final_norm);
  }
  expect_pass({"small.yaml", "model={kind: decoder, tie_embeddings: false, " + decoder + "}"}, 13);
}

TEST_F(GradcheckProgram, LayersAndMasksAreChosen) {
  expect_pass({"small.yaml", "gradcheck.layers=[encoder.blocks.1.attention, head]"}, 4);
  expect_pass({"small.yaml", "gradcheck.layers=[encoder.blocks.0]"}, 5);
  expect_pass({"small.yaml", "gradcheck.layers=[model]", "gradcheck.masks=[none, causal, padding, dense&causal]"}, 4);
  const Outcome outcome = run({"small.yaml", "gradcheck.layers=[encoder.blocks.0.attention]", "gradcheck.masks=[dense]",
                               "gradcheck.seq_len=5", "gradcheck.order=2"});
  EXPECT_TRUE(outcome.out.starts_with("pass       encoder.blocks.0.attention, dense                ")) << outcome.out;
  EXPECT_NE(outcome.out.find("\npass       encoder.blocks.0.attention, dense, second order  "), std::string::npos);
}

TEST_F(GradcheckProgram, OpsPass) {
  expect_pass({"--op", "linear"}, 1);
  expect_pass({"--op", "scaled_dot_product_attention", "gradcheck.order=2", "gradcheck.entries=8"}, 2);
  expect_pass({"--all-ops", "seed=5"}, 48);
}

// Every kind of layer, with its defaults.
TEST_F(GradcheckProgram, LayersByThemselves) {
  for (const std::string kind : {"multihead_attention", "encoder_block", "feed_forward", "layer_norm", "rms_norm"}) {
    write_bytes(folder.path / "layer.yaml", "layer: {kind: " + kind + "}\ngradcheck: {mode: full, order: 2}\n");
    expect_pass({"layer.yaml"}, 2);
  }
  expect_pass({"layer.yaml", "layer.d_model=5", "seed=3"}, 2);
}

// float32 can't prove a gradient: that is said, with what to do, and it is neither a pass nor a failure.
TEST_F(GradcheckProgram, Float32IsUnchecked) {
  const Outcome outcome =
      run({"small.yaml", "gradcheck.dtype=float32", "gradcheck.layers=[encoder.blocks.0.attention]"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(verdicts_of(outcome.out)["FAIL"], 0) << outcome.out;
  EXPECT_TRUE(outcome.out.starts_with("unchecked  encoder.blocks.0.attention ")) << outcome.out;
  EXPECT_NE(outcome.out.find("check in float64 (gradcheck.dtype=float64)"), std::string::npos) << outcome.out;
  EXPECT_EQ(lines_of(outcome.out).back(), "unchecked: nothing is wrong, but 1 of 1 check could not be proved right");
}

TEST_F(GradcheckProgram, WrongUse) {
  expect_refusal({}, "gradcheck: give a CONFIG, --op NAME or --all-ops");
  expect_refusal({"--all-ops", "gradcheck.layers=[model]"},
                 "gradcheck: layers and masks are for models and layers; ops have samples of their own");
  expect_refusal({"nowhere.yaml"}, "nowhere.yaml: there is no such file");
  expect_refusal({"small.yaml", "gradcheck.mode=ful"},
                 "override 'gradcheck.mode=ful': gradcheck.mode: must be one of directional, full, not 'ful' (did you "
                 "mean full?)");
  expect_refusal({"small.yaml", "gradcheck.masks=[causl]"},
                 "override 'gradcheck.masks=[causl]': gradcheck.masks: holds masks made of none, causal, "
                 "sliding_window, padding and dense, joined by &");
  expect_refusal({"small.yaml", "gradcheck.order=3"},
                 "override 'gradcheck.order=3': gradcheck.order: must be at most 2, not 3");
}

TEST_F(GradcheckProgram, WrongNames) {
  const Outcome layer = run({"small.yaml", "gradcheck.layers=[encoder.block.0]"});
  EXPECT_EQ(layer.status, 2);
  EXPECT_TRUE(
      layer.err.starts_with("gradcheck.layers: there is no layer 'encoder.block.0' (did you mean "
                            "encoder.blocks.0?); there are "))
      << layer.err;
  const Outcome op = run({"--op", "softmxa"});
  EXPECT_EQ(op.status, 2);
  EXPECT_TRUE(op.err.starts_with("--op: there is no op 'softmxa' (did you mean softmax?); there are add, ")) << op.err;
}

// A layer's config is for gradient checks alone; other commands say what is missing.
TEST_F(GradcheckProgram, ALayerCannotBeTrained) {
  write_bytes(folder.path / "layer.yaml", "layer: {kind: rms_norm}\n");
  const Outcome outcome = run_program(folder.path, {"train", "layer.yaml"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "layer.yaml:1:1: task.name: required key is missing\nlayer.yaml:1:1: layer: unknown key\n");
  write_bytes(folder.path / "layer.yaml", "layer: {kind: norm}\n");
  expect_refusal({"layer.yaml"},
                 "layer.yaml:1:15: layer.kind: must be one of encoder_block, feed_forward, layer_norm, "
                 "multihead_attention, rms_norm, not 'norm'");
}

// Said before the work, not after it.
TEST_F(GradcheckProgram, FilesThatCannotBeWritten) {
  for (const std::string option : {"--json", "--junit"}) {
    const Outcome outcome = run({"small.yaml", option, "no/such/folder"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.err, "error: no/such/folder: cannot be written: No such file or directory\n");
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(GradcheckProgram, FilesForMachines) {
  const Outcome outcome = run({"small.yaml", "gradcheck.layers=[head.norm, model]", "gradcheck.mode=full",
                               "gradcheck.entries=3", "--json", "a.json", "--junit", "a.xml"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(bytes_of_file(folder.path / "a.json"));
  EXPECT_EQ(json.at("verdict"), "pass");
  ASSERT_EQ(json.at("checks").size(), 2u);
  const nlohmann::json& norm = json.at("checks")[0];
  EXPECT_EQ(norm.at("name"), "head.norm");
  EXPECT_EQ(norm.at("deterministic"), true);
  ASSERT_EQ(norm.at("tensors").size(), 3u);
  const nlohmann::json& gain = norm.at("tensors")[1];
  EXPECT_EQ(gain.at("name"), "head.norm.gain");
  EXPECT_EQ(gain.at("verdict"), "pass");
  EXPECT_EQ(gain.at("entries"), 3);
  EXPECT_EQ(gain.at("passed"), 3);
  EXPECT_LT(gain.at("worst").at("error_bar").get<double>(), 1e-8);
  EXPECT_EQ(norm.at("identities")[0].at("verdict"), "pass");
  const std::string junit = bytes_of_file(folder.path / "a.xml");
  EXPECT_NE(junit.find("<testcase classname=\"head.norm\" name=\"head.norm.gain\"/>"), std::string::npos) << junit;
  EXPECT_NE(junit.find("name=\"&lt;Jv, u&gt; = &lt;v, J'u&gt;\"/>"), std::string::npos) << junit;
  EXPECT_NE(junit.find("failures=\"0\" skipped=\"0\""), std::string::npos) << junit;
}

// Below: a model that computes the square of its embeddings, but hides one of the factors from the gradient.
struct WrongModel : Model {
  WrongModel(const Scope& scope, const ModelSizes& sizes)
      : embedding(scope / "embedding", sizes.vocab_size, 3), out(scope / "out", 3, sizes.classes) {}

  static Tensor square(const Tensor& x) { return x * detach(x); }

  Tensor operator()(const ModelInputs& inputs, const Pass&) const override {
    return out(square(embedding(inputs.ids)));
  }
  std::vector<NamedLayer> layers() const override {
    return {named_layer("out", 3, out), named_layer("square", 3, square)};
  }

  Embedding embedding;
  Linear out;
};

struct WrongConfig : ModelConfig {
  static constexpr const char* name = "wrong";
  static constexpr const char* help = "a model with a wrong gradient";

  void describe(Fields&) override {}
  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    return std::make_unique<WrongModel>(scope, sizes);
  }
  double activations_per_token(const ModelSizes&, bool) const override { return 10; }
  double product_operations(const ModelSizes&, bool) const override { return 0; }
};

const Registered<ModelConfig, WrongConfig> registered;  // in this test program only

TEST(Gradcheck, AWrongGradientFails) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "wrong.yaml", "task: {name: reverse, train_size: 64}\nmodel: {kind: wrong}\n");
  GradcheckArguments arguments;
  arguments.config = folder.path / "wrong.yaml";
  arguments.json = folder.path / "a.json";
  arguments.junit = folder.path / "a.xml";
  testing::internal::CaptureStdout();
  const int status = gradcheck_command(arguments);
  const std::string report = testing::internal::GetCapturedStdout();
  EXPECT_EQ(status, 1);
  EXPECT_EQ(lines_of(report).back(), "FAIL: 2 of 7 tensors of 3 checks have a wrong gradient");
  // The layer `out` by itself is right in input, weight and bias, and so are both in the whole model; the square's
  // input is wrong, and the embedding, whose gradient goes through it.
  EXPECT_TRUE(report.starts_with("pass       out ")) << report;
  EXPECT_NE(report.find("\nFAIL       square "), std::string::npos) << report;
  EXPECT_NE(report.find("\n  FAIL       input (2, 16, 3): 96 of 96 entries wrong: half of what it should be\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("\n  FAIL       embedding.weight (10, 3): "), std::string::npos) << report;
  EXPECT_NE(report.find("takes a detached tensor"), std::string::npos) << report;
  const nlohmann::json json = nlohmann::json::parse(bytes_of_file(folder.path / "a.json"));
  EXPECT_EQ(json.at("verdict"), "fail");
  EXPECT_EQ(json.at("checks")[1].at("tensors")[0].at("diagnosis"), "half of what it should be");
  EXPECT_NE(bytes_of_file(folder.path / "a.xml").find("<failure message=\"96 of 96 entries wrong"), std::string::npos);
}

}  // namespace
}  // namespace transformlet
