// What an audit of the graph says of whole models: nothing of those that are well, and the parameter's name where a
// path is cut.
#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "layers/decoder.h"
#include "layers/sequence_predictor.h"
#include "tests/tensors.h"

namespace transformlet {
namespace {

using Texts = std::vector<std::string>;

Texts texts(const std::vector<Finding>& findings) {
  Texts result;
  for (const Finding& finding : findings) result.push_back(finding.text);
  return result;
}

const Tokens ids({2, 0, 2, 1, 4, 2, 3, 3}, {2, 4});

// A block whose attention has separate projections and a norm, any of which may be broken.
struct Broken {
  enum Bug { none, values_of_detached_input, detached_query_weight, unused_gain };

  Broken(const Scope& scope, Bug bug)
      : bug(bug),
        query(scope / "attention" / "query", 4, 4, false),
        key(scope / "attention" / "key", 4, 4, false),
        value(scope / "attention" / "value", 4, 4, false),
        norm(scope / "norm", 4) {}

  Tensor operator()(const Tensor& x) const {
    const Tensor q = linear(x, bug == detached_query_weight ? detach(query.weight) : query.weight);
    const Tensor attended = scaled_dot_product_attention(q, key(x), value(seen_by_values(x)));
    const Tensor sum = x + attended;
    return bug == unused_gain ? layer_norm(sum, full({4}, 1, DType::float64), norm.bias) : norm(sum);
  }
  Tensor seen_by_values(const Tensor& x) const { return bug == values_of_detached_input ? detach(x) * 1.0 : x; }

  Bug bug;
  Linear query, key, value;
  LayerNorm norm;
};

Texts audit_of(Broken::Bug bug) {
  Parameters parameters;
  const Broken model(Scope(parameters, 1, DType::float64) / "block" / 0, bug);
  TensorList leaves = {random_leaf("x", {2, 3, 4})};
  for (const Tensor& parameter : parameters.tensors()) leaves.push_back(parameter);
  return texts(audit([&](const TensorList& in) -> TensorList { return {model(in[0])}; }, leaves));
}

TEST(GradcheckAudit, ABlockThatIsWell) { EXPECT_EQ(audit_of(Broken::none), Texts{}); }

// The classic: values, but no gradients, flow.
TEST(GradcheckAudit, ASeveredProjectionIsFoundByName) {
  EXPECT_EQ(audit_of(Broken::values_of_detached_input),
            Texts{"linear with block.0.attention.value.weight takes a detached tensor (2, 3, 4): through it no "
                  "gradient flows back to x"});
}

TEST(GradcheckAudit, ADetachedWeightIsFoundByName) {
  EXPECT_EQ(audit_of(Broken::detached_query_weight),
            (Texts{"block.0.attention.query.weight (4, 4): no path joins it to the output, so it never gets a gradient",
                   "linear with x takes a detached tensor (4, 4): through it no gradient flows back to "
                   "block.0.attention.query.weight"}));
}

TEST(GradcheckAudit, AGainThatIsNeverUsedIsFoundByName) {
  EXPECT_EQ(audit_of(Broken::unused_gain),
            Texts{"block.0.norm.gain (4): no path joins it to the output, so it never gets a gradient"});
}

// The checks fail the same parameters, with a reason.
TEST(GradcheckAudit, AGradcheckFailsWhatTheAuditFinds) {
  for (const bool fast : {false, true}) {
    Parameters parameters;
    const Broken model(Scope(parameters, 1, DType::float64) / "block", Broken::values_of_detached_input);
    TensorList leaves = {random_leaf("x", {2, 3, 4})};
    for (const Tensor& parameter : parameters.tensors()) leaves.push_back(parameter);
    const TensorFunction function = [&](const TensorList& in) -> TensorList { return {model(in[0])}; };
    const GradcheckResult result = gradcheck(function, leaves, {.fast_mode = fast});
    for (const GradcheckRow& row : result.rows) {
      EXPECT_EQ(row.verdict, row.name == "x" ? Verdict::fail : Verdict::pass) << result;
    }
    EXPECT_EQ(result.findings.size(), 1U);
  }
}

// ---- whole models ----

EncoderOptions blocks(NormPosition position, Activation activation, double dropout) {
  return {.num_layers = 2,
          .num_heads = 2,
          .d_model = 8,
          .d_ff = 16,
          .norm_position = position,
          .activation = activation,
          .dropout = dropout,
          .final_norm = position == NormPosition::pre};
}

Texts audit_of_model(const Model& model, const Parameters& parameters, const Tokens& tokens, const Pass& pass) {
  return texts(audit([&](const TensorList&) -> TensorList { return {model(tokens, {}, pass)}; }, parameters.tensors()));
}

TEST(GradcheckAudit, ModelsThatAreWell) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const bool recompute : {false, true}) {
      const Pass pass = Pass::training(3, 4).with_recompute(recompute);
      for (const bool tied : {false, true}) {
        Parameters parameters;
        const Decoder model(Scope(parameters, 1, dtype),
                            {.blocks = blocks(NormPosition::pre, Activation::gelu, 0.1), .tie_embeddings = tied},
                            {.vocab_size = 5, .classes = 5, .max_length = 4});
        EXPECT_EQ(audit_of_model(model, parameters, ids, pass), Texts{}) << "decoder";
      }
      for (const NormPosition position : {NormPosition::post, NormPosition::pre}) {
        for (const Input input : {Input::one_hot, Input::embedding}) {
          Parameters parameters;
          SequencePredictorOptions options{.encoder = blocks(position, Activation::relu, 0.1), .input = input};
          options.position = input == Input::embedding ? Position::learned : Position::sinusoidal;
          const SequencePredictor model(Scope(parameters, 1, dtype), options,
                                        {.vocab_size = 5, .classes = 4, .max_length = 4});
          EXPECT_EQ(audit_of_model(model, parameters, ids, pass), Texts{}) << "predictor";
        }
      }
    }
  }
}

// With one position the attention weights are 1: in the packed projection only the values' third gets a gradient.
TEST(GradcheckAudit, OnePositionLeavesQueriesAndKeysWithoutGradients) {
  Parameters parameters;
  const Decoder model(Scope(parameters, 1, DType::float64), {.blocks = blocks(NormPosition::pre, Activation::gelu, 0)},
                      {.vocab_size = 5, .classes = 5, .max_length = 4});
  Texts expected;
  for (const int layer : {0, 1}) {
    for (const char* name : {"weight (24, 8)", "bias (24)"}) {
      expected.push_back(fmt::format(
          "decoder.blocks.{}.attention.qkv.{}: its gradient is exactly zero where axis 0 is in [0, 16)", layer, name));
    }
  }
  EXPECT_EQ(audit_of_model(model, parameters, Tokens({2, 0}, {2, 1}), Pass::evaluation()), expected);
}

}  // namespace
}  // namespace transformlet
