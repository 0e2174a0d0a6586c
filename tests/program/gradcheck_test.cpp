// `transformlet gradcheck`: the shipped models pass; a model whose gradient is wrong does not.
#include <gtest/gtest.h>

#include "layers/basic.h"
#include "layers/model.h"
#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"
#include "train/commands/commands.h"

namespace transformlet {
namespace {

// How many rows of a report pass, and how many fail.
std::pair<int, int> rows_of(const std::string& report) {
  int pass = 0, fail = 0;
  for (const std::string& line : lines_of(report)) {
    pass += line.starts_with("  pass  ");
    fail += line.starts_with("  FAIL  ");
  }
  return {pass, fail};
}

void expect_pass(const Arguments& words, int least_rows) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "small.yaml", small_config);
  Arguments arguments = {"gradcheck"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const Outcome outcome = run_program(folder.path, arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.err, "");
  const auto [pass, fail] = rows_of(outcome.out);
  EXPECT_GE(pass, least_rows);
  EXPECT_EQ(fail, 0);
  EXPECT_EQ(lines_of(outcome.out).back(), "pass: every gradient agrees with finite differences");
  EXPECT_EQ(number_of_entries(folder.path), 1u);
}

// Each layer by itself with its input and parameters, then each parameter of the whole model.
TEST(Gradcheck, ShippedConfigsPass) {
  for (const std::string config : {"reverse", "sort", "copy", "repeat"}) {
    SCOPED_TRACE(config);
    expect_pass({source_path("configs/" + config + ".yaml"), "--entries", "4"}, 40);
  }
}

// With dropout, and every choice that the model offers.
TEST(Gradcheck, EveryKindOfModelPasses) {
  expect_pass({"small.yaml"}, 60);
  expect_pass({"small.yaml", "--entries", "0", "--batch-size", "1", "model.num_layers=1", "model.d_model=4",
               "model.d_ff=6", "task.num_symbols=3"},
              35);
  for (const std::string override_text :
       {"model.norm_position=pre", "model.activation=gelu", "model.activation=gelu_tanh", "model.position=none",
        "model.position=sinusoidal", "model.input=one_hot", "model.final_norm=true", "model.packed_init=apart",
        "train.dtype=float32", "train.threads=1", "train.recompute=true"}) {
    SCOPED_TRACE(override_text);
    expect_pass({"small.yaml", override_text, "--entries", "4"}, 60);
  }
  const std::string decoder = "num_layers: 2, num_heads: 2, d_model: 8, dropout: 0.1";
  for (const std::string keys :
       {"", "tie_embeddings: false", "bias: false", "norm_position: post", "d_ff: 5", "activation: relu",
        "activation: gelu_tanh", "position: none", "position: sinusoidal"}) {
    SCOPED_TRACE(keys);
    expect_pass(
        {"small.yaml", "model={kind: decoder, " + decoder + (keys.empty() ? "" : ", ") + keys + "}", "--entries", "4"},
        35);
  }
}

// Below: a model that computes the square of its embeddings, but hides one of the factors from the gradient.
struct WrongModel : Model {
  WrongModel(const Scope& scope, const ModelSizes& sizes)
      : embedding(scope / "embedding", sizes.vocab_size, 3), out(scope / "out", 3, sizes.classes) {}

  static Tensor square(const Tensor& x) { return x * detach(x); }

  Tensor operator()(const Tokens& ids, const Mask&, const Pass&) const override { return out(square(embedding(ids))); }
  std::vector<NamedLayer> layers() const override {
    return {{"out", 3, [this](const Tensor& x, const Mask&, const Pass&) { return out(x); }},
            {"square", 3, [](const Tensor& x, const Mask&, const Pass&) { return square(x); }}};
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
};

const Registered<ModelConfig, WrongConfig> registered;  // in this test program only

TEST(Gradcheck, AWrongGradientFails) {
  const TemporaryFolder folder;
  write_bytes(folder.path / "wrong.yaml", "task: {name: reverse, train_size: 64}\nmodel: {kind: wrong}\n");
  GradcheckArguments arguments;
  arguments.config = folder.path / "wrong.yaml";
  testing::internal::CaptureStdout();
  const int status = gradcheck_command(arguments);
  const std::string report = testing::internal::GetCapturedStdout();
  EXPECT_EQ(status, 1);
  EXPECT_EQ(lines_of(report).back(), "FAIL: some gradients are wrong");
  // The layer `out` by itself is right in input, weight and bias, and so are both in the whole model; the square's
  // input is wrong, and the embedding, whose gradient goes through it.
  EXPECT_EQ(rows_of(report), std::pair(5, 2)) << report;
  EXPECT_NE(report.find("  FAIL  embedding.weight "), std::string::npos) << report;
  EXPECT_NE(report.find(" entries fail)"), std::string::npos) << report;
}

}  // namespace
}  // namespace transformlet
