// Layers by themselves, as a config may name them for a gradient check: layer: {kind: multihead_attention, ...}.
#include <optional>

#include "base/registry.h"
#include "layers/encoder.h"

namespace transformlet {
namespace {

struct AttentionLayer : LayerConfig {
  static constexpr const char* name = "multihead_attention";
  static constexpr const char* help = "multi-head attention of a sequence to itself, or to a memory";

  int64_t d_model = 16, num_heads = 2, num_kv_heads = 0;
  std::string position = "none";
  double dropout = 0.0;
  bool bias = true, cross = false;

  void describe(Fields& field) override {
    field("num_heads", num_heads, "attention heads", between(1, 1000));
    field("d_model", d_model, "width of queries, keys and values together", between(1, 100000),
          multiple_of(num_heads, "num_heads"));
    field("num_kv_heads", num_kv_heads, "heads of keys and values, each shared by several of queries; 0: num_heads",
          between(0, 1000));
    field("position", position, "positions inside attention", one_of({"none", "rope", "alibi"}));
    field("dropout", dropout, "on the attention weights", at_least(0), less_than(1));
    field("bias", bias, "in the projections");
    field("cross", cross, "keys and values come from a second input, the memory");
    field.check([&] { return num_kv_heads == 0 || num_heads % num_kv_heads == 0; }, {"num_kv_heads", "num_heads"},
                "must divide num_heads");
    field.check([&] { return position != "rope" || d_model / num_heads % 2 == 0; },
                {"position", "d_model", "num_heads"}, "rope turns pairs of columns: d_model / num_heads must be even");
    field.check([&] { return !cross || position == "none"; }, {"cross", "position"},
                "attention to a memory has no positions");
  }

  NamedLayer build(const Scope& scope) override {
    layer_.emplace(scope, MultiheadAttentionOptions{.d_model = d_model,
                                                    .num_heads = num_heads,
                                                    .num_kv_heads = num_kv_heads,
                                                    .rotary = position == "rope",
                                                    .alibi = position == "alibi",
                                                    .dropout = dropout,
                                                    .bias = bias});
    NamedLayer named = named_layer(scope.path(), d_model, *layer_);
    if (cross) {
      named.memory_width = d_model;
      named.call = [this](const TensorList& inputs, const Mask& mask, const Pass& pass) {
        return (*layer_)(inputs[0], inputs[1], mask, pass);
      };
    }
    return named;
  }

 private:
  std::optional<MultiheadAttention> layer_;
};

struct EncoderBlockLayer : LayerConfig {
  static constexpr const char* name = "encoder_block";
  static constexpr const char* help = "attention and feed-forward layer with norms and residuals";

  int64_t d_model = 16, num_heads = 2, d_ff = 32;
  std::string norm_position = "post", activation = "relu";
  double dropout = 0.0;

  void describe(Fields& field) override {
    field("num_heads", num_heads, "attention heads", between(1, 1000));
    field("d_model", d_model, "width of the residual stream", between(1, 100000), multiple_of(num_heads, "num_heads"));
    field("d_ff", d_ff, "hidden width of the feed-forward layer", between(1, 1000000));
    field("norm_position", norm_position, "norm(x + sublayer(x)), or x + sublayer(norm(x))", one_of({"post", "pre"}));
    field("activation", activation, "of the feed-forward layer", one_of(activation_names));
    field("dropout", dropout, "on attention weights, hidden units and sublayers' outputs", at_least(0), less_than(1));
  }

  NamedLayer build(const Scope& scope) override {
    layer_.emplace(scope, EncoderOptions{.num_heads = num_heads,
                                         .d_model = d_model,
                                         .d_ff = d_ff,
                                         .norm_position = chosen<NormPosition>(norm_position, {"post", "pre"}),
                                         .activation = chosen<Activation>(activation, activation_names),
                                         .dropout = dropout});
    return named_layer(scope.path(), d_model, *layer_);
  }

 private:
  std::optional<EncoderBlock> layer_;
};

struct FeedForwardLayer : LayerConfig {
  static constexpr const char* name = "feed_forward";
  static constexpr const char* help = "two linear layers with an activation between them";

  int64_t d_model = 16, d_ff = 32;
  std::string activation = "relu";
  double dropout = 0.0;
  bool bias = true;

  void describe(Fields& field) override {
    field("d_model", d_model, "width of input and output", between(1, 100000));
    field("d_ff", d_ff, "hidden width", between(1, 1000000));
    field("activation", activation, "of the hidden units", one_of(activation_names));
    field("dropout", dropout, "on the hidden units", at_least(0), less_than(1));
    field("bias", bias, "in the linear layers");
  }

  NamedLayer build(const Scope& scope) override {
    layer_.emplace(scope, FeedForwardOptions{.d_model = d_model,
                                             .d_ff = d_ff,
                                             .activation = chosen<Activation>(activation, activation_names),
                                             .dropout = dropout,
                                             .bias = bias});
    return named_layer(scope.path(), d_model, *layer_);
  }

 private:
  std::optional<FeedForward> layer_;
};

template <class Norm>
struct NormLayer : LayerConfig {
  int64_t d_model = 16;

  void describe(Fields& field) override { field("d_model", d_model, "width of the input", between(1, 100000)); }

  NamedLayer build(const Scope& scope) override {
    layer_.emplace(scope, d_model);
    return named_layer(scope.path(), d_model, *layer_);
  }

 private:
  std::optional<Norm> layer_;
};

struct LayerNormLayer : NormLayer<LayerNorm> {
  static constexpr const char* name = "layer_norm";
  static constexpr const char* help = "layer normalisation with gain and bias";
};

struct RMSNormLayer : NormLayer<RMSNorm> {
  static constexpr const char* name = "rms_norm";
  static constexpr const char* help = "normalisation by the root mean square, with gain";
};

const Registered<LayerConfig, AttentionLayer> attention;
const Registered<LayerConfig, EncoderBlockLayer> encoder_block;
const Registered<LayerConfig, FeedForwardLayer> feed_forward;
const Registered<LayerConfig, LayerNormLayer> layer_norm;
const Registered<LayerConfig, RMSNormLayer> rms_norm;

}  // namespace
}  // namespace transformlet
