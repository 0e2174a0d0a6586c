// Samples of the attention ops: every kind of mask, and lengths on both sides of the kernel's tiles (64 and 128).
#include "autograd/attention.h"
#include "autograd/catalogue.h"

namespace transformlet {
namespace {

OpSample::Call attend(const Mask& mask = {}, const AttentionOptions& options = {}) {
  return [=](const TensorList& in) { return scaled_dot_product_attention(in[0], in[1], in[2], mask, options); };
}

OpSample::Call attend_with_weights(const Mask& mask = {}, const AttentionOptions& options = {}) {
  return [=](const TensorList& in) {
    const AttentionResult result = attention_with_weights(in[0], in[1], in[2], mask, options);
    return TensorList{result.values, result.weights};
  };
}

OpSample::Call attend_heads(int64_t num_heads, const Mask& mask = {}, const AttentionOptions& options = {}) {
  return [=](const TensorList& in) { return multihead_attention(in[0], in[1], in[2], num_heads, mask, options); };
}

OpSample::Call attend_packed(int64_t num_heads, const Mask& mask = {}, const AttentionOptions& options = {}) {
  return [=](const TensorList& in) { return packed_attention(in[0], num_heads, mask, options); };
}

const std::vector<Shape> small = {{2, 2, 3, 4}, {2, 2, 5, 4}, {2, 2, 5, 3}};
const AttentionOptions with_dropout{.dropout = 0.3, .dropout_key = {RandomKey(1), 2}};
// Row 1 of the second head sees nothing.
const Mask dense_heads = Mask::dense({1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1,  //
                                      0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1},
                                     {1, 2, 3, 5});
const Mask dense_samples = Mask::dense(std::vector<uint8_t>(2 * 3 * 5, 1), {2, 3, 5});
const Mask stripes = [] {
  std::vector<uint8_t> may_attend(70 * 140);
  for (size_t i = 0; i < may_attend.size(); ++i) may_attend[i] = i % 3 != 0;
  return Mask::dense(may_attend, {70, 140});
}();

// Four heads of queries share two of keys and values; the first head sees nothing, the third some.
const std::vector<Shape> grouped = {{2, 4, 3, 4}, {2, 2, 5, 4}, {2, 2, 5, 3}};
const Mask four_heads = [] {
  std::vector<uint8_t> may_attend(4 * 3 * 5, 1);
  std::fill_n(may_attend.begin(), 15, uint8_t{0});
  for (size_t i = 30; i < 45; i += 2) may_attend[i] = 0;
  return Mask::dense(may_attend, {1, 4, 3, 5});
}();

std::vector<OpSample> kinds_of_masks(const std::string& name,
                                     OpSample::Call (*call)(const Mask&, const AttentionOptions&)) {
  return {{.name = "cross", .inputs = small, .call = call({}, {})},
          {.name = "no_heads", .inputs = {{3, 4}, {5, 4}, {5, 2}}, .call = call({}, {})},
          {.name = "one_head", .inputs = {{2, 3, 4}, {2, 5, 4}, {2, 5, 2}}, .call = call({}, {})},
          {.name = "five_axes",
           .inputs = {{2, 1, 2, 3, 4}, {2, 1, 2, 3, 4}, {2, 1, 2, 3, 4}},
           .call = call(Mask::causal(), {})},
          {.name = "scale", .inputs = small, .call = call({}, {.scale = 0.25})},
          {.name = "causal", .inputs = small, .call = call(Mask::causal(), {})},
          {.name = "causal_offset", .inputs = small, .call = call(Mask::causal(2), {})},
          {.name = "window", .inputs = small, .call = call(Mask::sliding_window(2, 1), {})},
          {.name = "window_past_keys", .inputs = small, .call = call(Mask::sliding_window(2, 4), {})},
          {.name = "padding", .inputs = small, .call = call(Mask::padding({5, 2}), {})},
          {.name = "padding_nothing", .inputs = small, .call = call(Mask::padding({0, 4}), {})},
          {.name = "dense_heads", .inputs = small, .call = call(dense_heads, {})},
          {.name = "conjunction",
           .inputs = small,
           .call = call(Mask::causal(2) & Mask::padding({5, 3}) & dense_heads & dense_samples, {})},
          {.name = "dropout", .inputs = small, .call = call(Mask::causal(2), with_dropout)},
          {.name = "no_keys", .inputs = {{2, 3, 4}, {2, 0, 4}, {2, 0, 2}}, .call = call({}, {})},
          {.name = "no_queries", .inputs = {{2, 0, 4}, {2, 3, 4}, {2, 3, 2}}, .call = call({}, {})},
          {.name = "size_one", .inputs = {{2, 1, 1}, {2, 1, 1}, {2, 1, 1}}, .call = call({}, {})},
          {.name = "grouped", .inputs = grouped, .call = call(Mask::causal(2) & Mask::padding({5, 2}), {})},
          {.name = "grouped_dense", .inputs = grouped, .call = call(four_heads, with_dropout)},
          {.name = "alibi", .inputs = small, .call = call({}, {.alibi = true})},
          {.name = "alibi_causal", .inputs = grouped, .call = call(Mask::causal(2), {.alibi = true})},
          {.name = "bad_groups",
           .inputs = {{1, 3, 2, 4}, {1, 2, 2, 4}, {1, 2, 2, 4}},
           .call = call({}, {}),
           .error = name + ": 3 heads of queries can't share 2 heads of keys and values"}};
}

const OpSamples fused_samples("scaled_dot_product_attention", kinds_of_masks("scaled_dot_product_attention", attend));
const OpSamples weights_samples("attention_with_weights",
                                kinds_of_masks("attention_with_weights", attend_with_weights));
const OpSamples more_samples(
    "scaled_dot_product_attention",
    {{.name = "same_three_times",
      .inputs = {{2, 2, 3, 4}},
      .call = [](const TensorList& in) { return scaled_dot_product_attention(in[0], in[0], in[0], Mask::causal()); }},
     {.name = "tiles", .inputs = {{2, 70, 3}, {2, 140, 3}, {2, 140, 2}}, .call = attend()},
     {.name = "tiles_causal", .inputs = {{2, 150, 3}, {2, 150, 3}, {2, 150, 2}}, .call = attend(Mask::causal())},
     {.name = "tiles_window",
      .inputs = {{150, 3}, {150, 3}, {150, 2}},
      .call = attend(Mask::sliding_window(20) & Mask::padding({141}))},
     {.name = "tiles_grouped",
      .inputs = {{1, 4, 140, 2}, {1, 2, 520, 2}, {1, 2, 520, 2}},
      .call = attend(Mask::causal(400), {.alibi = true})},
     {.name = "tiles_dense", .inputs = {{70, 3}, {140, 3}, {140, 2}}, .call = attend(stripes, with_dropout)},
     {.name = "bad_length",
      .inputs = {{2, 4, 9, 16}, {2, 4, 9, 16}, {2, 4, 8, 16}},
      .call = attend(),
      .error = "scaled_dot_product_attention: key (2, 4, 9, 16) and value (2, 4, 8, 16) differ in length"},
     {.name = "bad_size",
      .inputs = {{2, 9, 8}, {2, 9, 16}, {2, 9, 16}},
      .call = attend(),
      .error = "scaled_dot_product_attention: query (2, 9, 8) and key (2, 9, 16) differ in head size"},
     {.name = "bad_leading",
      .inputs = {{2, 9, 8}, {3, 9, 8}, {3, 9, 8}},
      .call = attend(),
      .error =
          "scaled_dot_product_attention: query (2, 9, 8), key (3, 9, 8) and value (3, 9, 8) differ in their leading "
          "axes"},
     {.name = "bad_rank",
      .inputs = {{8}, {8}, {8}},
      .call = attend(),
      .error = "scaled_dot_product_attention: query (8), key (8) and value (8) must have as many axes, at least "
               "(length, size)"},
     {.name = "bad_lengths",
      .inputs = small,
      .call = attend(Mask::padding({5})),
      .error = "scaled_dot_product_attention: the padding mask has 1 lengths for a batch of 2"},
     {.name = "bad_longer",
      .inputs = small,
      .call = attend(Mask::padding({5, 6})),
      .error = "scaled_dot_product_attention: the padding mask has a length of 6 for 5 keys"},
     {.name = "bad_dense",
      .inputs = small,
      .call = attend(stripes),
      .error = "scaled_dot_product_attention: the dense mask (1, 1, 70, 140) does not broadcast to (batch, heads, "
               "queries, keys) = (2, 2, 3, 5)"},
     {.name = "bad_dropout",
      .inputs = small,
      .call = attend({}, {.dropout = 1.0}),
      .error = "scaled_dot_product_attention: dropout 1 is outside [0, 1)"}});

const std::vector<Shape> side_by_side = {{2, 3, 8}, {2, 5, 8}, {2, 5, 6}};
const OpSamples heads_samples(
    "multihead_attention",
    {{.name = "cross", .inputs = side_by_side, .call = attend_heads(2)},
     {.name = "causal", .inputs = side_by_side, .call = attend_heads(2, Mask::causal(1))},
     {.name = "padding", .inputs = side_by_side, .call = attend_heads(2, Mask::padding({5, 2}))},
     {.name = "dense", .inputs = side_by_side, .call = attend_heads(2, dense_heads)},
     {.name = "dropout", .inputs = side_by_side, .call = attend_heads(2, {}, with_dropout)},
     {.name = "tiles", .inputs = {{1, 70, 6}, {1, 140, 6}, {1, 140, 6}}, .call = attend_heads(3)},
     {.name = "bad_heads",
      .inputs = side_by_side,
      .call = attend_heads(3),
      .error = "multihead_attention: the widths 8 and 6 don't divide into 3 and 3 heads"},
     {.name = "bad_grouped_width",
      .inputs = side_by_side,
      .call = attend_heads(2, {}, {.num_kv_heads = 1}),
      .error = "multihead_attention: query (2, 3, 8) and key (2, 5, 8) differ in the width of a head"},
     {.name = "grouped",
      .inputs = {{2, 3, 8}, {2, 5, 4}, {2, 5, 6}},
      .call = attend_heads(4, Mask::causal(1), {.num_kv_heads = 2})}});
const OpSamples packed_samples(
    "packed_attention",
    {{.name = "heads", .inputs = {{2, 3, 12}}, .call = attend_packed(2)},
     {.name = "causal", .inputs = {{2, 5, 18}}, .call = attend_packed(3, Mask::causal())},
     {.name = "padding", .inputs = {{2, 4, 6}}, .call = attend_packed(1, Mask::padding({4, 1}))},
     {.name = "dropout", .inputs = {{2, 4, 12}}, .call = attend_packed(2, Mask::causal(), with_dropout)},
     {.name = "tiles", .inputs = {{1, 150, 12}}, .call = attend_packed(2, Mask::causal())},
     {.name = "bad_width",
      .inputs = {{2, 3, 8}},
      .call = attend_packed(2),
      .error =
          "packed_attention: the last axis of (2, 3, 8) does not divide into 2 heads of queries and 2 each of keys and "
          "values"},
     {.name = "grouped", .inputs = {{2, 5, 24}}, .call = attend_packed(4, Mask::causal(), {.num_kv_heads = 1})},
     {.name = "grouped_alibi",
      .inputs = {{2, 5, 16}},
      .call = attend_packed(4, Mask::sliding_window(3), {.alibi = true, .num_kv_heads = 2})}});

}  // namespace
}  // namespace transformlet
