// Backward passes that forget what the forward pass left out.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "autograd/attention.h"
#include "autograd/catalogue.h"
#include "tests/autograd/mutants.h"

namespace transformlet::mutants {

struct MaskBug {
  std::function<Tensor(const VjpCall&)> gradient;       // of the slot, without the mask
  std::function<std::string(const VjpCall&)> why_same;  // if that is no other: why
};

// Ops that keep a mask (or what tells it) and select by it: the mask is all ones, or all zeros.
inline MaskBug other_mask(TensorList Operands::*list, double value, size_t slot) {
  const auto run = [=](const VjpCall& call, bool ignored, const Tensor& dy) {
    Operands operands = call.operands();
    operands.dys.front() = dy;
    Tensor& mask = (operands.*list)[0];
    if (ignored) mask = full(mask.shape(), value, mask.dtype());
    return call.run(operands)[slot];
  };
  return {[=](const VjpCall& call) { return run(call, true, copy(call.dy())); },
          [=](const VjpCall& call) -> std::string {
            const Tensor dy = normal_like(call.dy(), RandomKey(5));
            return same(run(call, false, dy), run(call, true, dy)) ? "nothing is masked"
                                                                   : "dy is zero at what is masked";
          }};
}

// Every element is kept and scaled.
inline MaskBug dropout_bug(size_t slot) {
  const auto factors = [slot](const VjpCall& call) {
    return call.run_with_dy(full(call.dy().shape(), 1, call.dy().dtype()))[slot].to_vector();
  };
  return {[=](const VjpCall& call) {
            const std::vector<double> values = factors(call);
            return scaled(call.dy(), values.empty() ? 1 : *std::max_element(values.begin(), values.end()));
          },
          [=](const VjpCall& call) -> std::string {
            const std::vector<double> values = factors(call);
            const bool whole = std::all_of(values.begin(), values.end(), [](double value) { return value != 0; });
            return whole ? "nothing is masked" : "";
          }};
}

// Ignored targets count as class 0.
inline MaskBug ignored_targets_bug(size_t slot) {
  const auto ignored_rows = [slot](const VjpCall& call) {
    const Tensor g = call.run_with_dy(full({}, 1, call.dy().dtype()))[slot];
    const std::vector<double> values = g.to_vector();
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < g.rows(); ++row) {
      const auto begin = values.begin() + row * g.columns();
      if (std::all_of(begin, begin + g.columns(), [](double value) { return value == 0; })) rows.push_back(row);
    }
    return rows;
  };
  return {[=](const VjpCall& call) {
            const Tensor g = call.run()[slot], p = softmax(call.operands().saved[0]);
            std::vector<double> values = g.to_vector();
            const std::vector<double> probabilities = p.to_vector();
            for (const int64_t row : ignored_rows(call)) {
              for (int64_t column = 0; column < g.columns(); ++column) {
                const auto at = static_cast<size_t>(row * g.columns() + column);
                values[at] += call.dy().item() * (probabilities[at] - (column == 0));
              }
            }
            return with_values(g, values);
          },
          [=](const VjpCall& call) -> std::string { return ignored_rows(call).empty() ? "nothing is masked" : ""; }};
}

inline std::optional<MaskBug> mask_bug(const std::string& op, size_t slot) {
  if (op == "where") return other_mask(&Operands::saved, slot == 1 ? 1 : 0, slot);
  if (op == "maximum") return other_mask(&Operands::saved, slot == 0 ? 0 : 1, slot);
  if (op == "max" || op == "gate") return other_mask(&Operands::saved, 1, slot);
  if (op == "relu") return other_mask(&Operands::outputs, 1, slot);
  if (op == "dropout") return dropout_bug(slot);
  if (op == "cross_entropy") return ignored_targets_bug(slot);
  return std::nullopt;
}

// The samples of attention that have a mask, each with the same call without it.
inline std::optional<TensorFunction> without_mask(const OpSample& sample) {
  static const AttentionOptions with_dropout{.dropout = 0.3, .dropout_key = {RandomKey(1), 2}};
  static const std::set<std::string> masked = {"five_axes",        "causal",  "causal_offset",   "window",
                                               "window_past_keys", "padding", "padding_nothing", "dense_heads",
                                               "conjunction",      "dropout"};
  const AttentionOptions options = sample.name == "dropout" ? with_dropout : AttentionOptions{};
  if (sample.op == "scaled_dot_product_attention" && sample.name == "same_three_times") {
    return [](const TensorList& in) { return TensorList{scaled_dot_product_attention(in[0], in[0], in[0])}; };
  }
  if (sample.op == "scaled_dot_product_attention" && masked.contains(sample.name)) {
    return [=](const TensorList& in) {
      return TensorList{scaled_dot_product_attention(in[0], in[1], in[2], {}, options)};
    };
  }
  if (sample.op == "attention_with_weights" && masked.contains(sample.name)) {
    return [=](const TensorList& in) {
      const AttentionResult result = attention_with_weights(in[0], in[1], in[2], {}, options);
      return TensorList{result.values, result.weights};
    };
  }
  static const std::set<std::string> masked_heads = {"causal", "padding", "dense"};
  if (sample.op == "multihead_attention" && masked_heads.contains(sample.name)) {
    return [](const TensorList& in) { return TensorList{multihead_attention(in[0], in[1], in[2], 2)}; };
  }
  static const std::map<std::string, int64_t> masked_packed = {{"causal", 3}, {"padding", 1}, {"dropout", 2}};
  if (const auto found = masked_packed.find(sample.name);
      sample.op == "packed_attention" && found != masked_packed.end()) {
    return [options, heads = found->second](const TensorList& in) {
      return TensorList{packed_attention(in[0], heads, {}, options)};
    };
  }
  return std::nullopt;
}

}  // namespace transformlet::mutants
