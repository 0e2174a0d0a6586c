#include "layers/block_config.h"

#include "layers/model.h"

namespace transformlet {

void BlockConfig::describe(Fields& field) {
  field("num_layers", num_layers, "number of blocks", between(1, 1000));
  field("num_heads", num_heads, "attention heads in a block", between(1, 1000));
  field("num_kv_heads", num_kv_heads, "heads of keys and values, each shared by several of queries; 0: num_heads",
        between(0, 1000));
  field("d_model", d_model, "width of the residual stream", between(1, 100000), multiple_of(num_heads, "num_heads"));
  field("d_ff", d_ff, "hidden width of the feed-forward layer; 0: 4 d_model, or 8/3 d_model if gated",
        between(0, 1000000));
  field("feed_forward", feed_forward, "false: blocks of attention alone; d_ff is of no use then");
  field("skip", skip, "false: no residual connections, a sublayer's output replaces its input");
  field("norm", norm, "LayerNorm, or RMSNorm, or none: no norms in blocks and behind them", one_of(norm_names));
  field("norm_epsilon", norm_epsilon, "of norms: added to the variance, or to the mean square", greater_than(0));
  field("norm_position", norm_position, "norm(x + sublayer(x)), or x + sublayer(norm(x))", one_of({"post", "pre"}));
  field("activation", activation, "of the feed-forward layer; swiglu and geglu are gated", one_of(activation_names));
  field("position", position, "how positions are told: added to embeddings, or inside attention",
        one_of({"none", "sinusoidal", "learned", "rope", "alibi"}));
  field("attention", attention, "weights are a softmax of scores, or the scores themselves", one_of(attention_names));
  field("favoured_distances", favoured_distances,
        "of linear attention: its scores of keys so many places before the query are taken times favour", at_least(0));
  field("favour", favour, "see favoured_distances");
  field("rotary_base", rotary_base, "of rope: the slowest pair of columns turns by 1 / base a token", greater_than(1));
  field("bias", bias, "in linear layers and norms");
  field("dropout", dropout, "everywhere, unless the next keys say otherwise", at_least(0), less_than(1));
  field("attention_dropout", attention_dropout, "on attention weights", at_least(0), less_than(1));
  field("residual_dropout", residual_dropout, "on sublayers' outputs", at_least(0), less_than(1));
  field.check([&] { return num_kv_heads == 0 || num_heads % num_kv_heads == 0; }, {"num_kv_heads", "num_heads"},
              "must divide num_heads");
  field.check(
      [&] {
        return attention == "softmax" ||
               (position != "alibi" && num_kv_heads == 0 && attention_dropout.value_or(dropout) == 0);
      },
      {"attention", "position", "num_kv_heads", "attention_dropout", "dropout"},
      "linear attention has no alibi, no num_kv_heads and no dropout of its weights");
  field.check([&] { return attention == "linear" || favoured_distances.empty(); }, {"favoured_distances", "attention"},
              "linear attention alone favours distances");
  field.check([&] { return position != "rope" || d_model / num_heads % 2 == 0; }, {"position", "d_model", "num_heads"},
              "rope turns pairs of columns: d_model / num_heads must be even");
}

int64_t BlockConfig::hidden_width() const {
  if (d_ff > 0) return d_ff;
  const bool gated = is_gated(chosen<Activation>(activation, activation_names));
  return gated ? (8 * d_model + 23) / 24 * 8 : 4 * d_model;
}

EncoderOptions BlockConfig::options() const {
  return {.num_layers = num_layers,
          .num_heads = num_heads,
          .d_model = d_model,
          .d_ff = hidden_width(),
          .num_kv_heads = num_kv_heads,
          .norm = chosen<NormKind>(norm, norm_names),
          .norm_epsilon = norm_epsilon,
          .norm_position = chosen<NormPosition>(norm_position, {"post", "pre"}),
          .activation = chosen<Activation>(activation, activation_names),
          .rotary = position == "rope",
          .alibi = position == "alibi",
          .rotary_base = rotary_base,
          .attention = chosen<AttentionKind>(attention, attention_names),
          .favoured = {favoured_distances, favour},
          .dropout = dropout,
          .attention_dropout = attention_dropout,
          .residual_dropout = residual_dropout,
          .bias = bias,
          .feed_forward = feed_forward,
          .skip = skip};
}

Position BlockConfig::position_of_embeddings() const {
  if (position == "rope" || position == "alibi") return Position::none;
  return chosen<Position>(position, {"none", "sinusoidal", "learned"});
}

}  // namespace transformlet
