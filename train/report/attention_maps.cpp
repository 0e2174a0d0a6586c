#include "train/report/attention_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "study/attention_factors.h"
#include "study/attention_layers.h"
#include "study/head_labels.h"
#include "train/report/loaded_run.h"
#include "train/report/packed_array.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

// Up to so many tokens weights are kept as they are, beyond as factors.
constexpr int64_t longest_dense = 256;

struct Extent {
  int64_t queries, keys;
};

int64_t length_of(const ModelInputs& inputs, bool of_source) {
  if (of_source) return inputs.source.shape()[1];
  return inputs.values.defined() ? inputs.values.dim(1) : inputs.ids.shape()[1];
}

Extent extent_of(const AttentionLayer& layer, const ModelInputs& inputs) {
  return {length_of(inputs, layer.queries_source) + layer.in_front,
          length_of(inputs, layer.keys_source) + layer.in_front};
}

bool is_dense(const Extent& extent) { return std::max(extent.queries, extent.keys) <= longest_dense; }

// Before they are deflated; what a causal mask hides takes next to nothing.
double bytes_of(const AttentionLayer& layer, const ModelInputs& inputs) {
  const Extent extent = extent_of(layer, inputs);
  const MultiheadAttentionOptions& options = layer.attention->options;
  if (is_dense(extent)) {
    return 2 * static_cast<double>(options.num_heads) * layer.mask.pairs(1, extent.queries, extent.keys);
  }
  const int64_t kv_width = options.d_model / options.num_heads * options.num_kv_heads;
  return static_cast<double>(2 * (options.d_model * extent.queries + kv_width * extent.keys) +
                             4 * options.num_heads * extent.queries);
}

std::vector<AttentionLayer> some_layers(const Model& model, const ModelInputs& inputs, size_t count) {
  const std::vector<AttentionLayer> all = attention_layers(model, inputs);
  std::vector<AttentionLayer> some;
  for (const size_t place : evenly_chosen(all.size(), count)) some.push_back(all[place]);
  return some;
}

double bytes_of(const Model& model, const ShownExample& example, size_t layers) {
  const ModelInputs inputs = example.batch.model_inputs();
  double bytes = 0;
  for (const AttentionLayer& layer : some_layers(model, inputs, layers)) bytes += bytes_of(layer, inputs);
  return bytes;
}

// Keeps what an example's maps are made of: weights where they may be kept, queries and keys elsewhere.
struct AttentionTap : Tap {
  AttentionTap(const std::vector<AttentionLayer>& layers, const ModelInputs& inputs) {
    for (const AttentionLayer& layer : layers) {
      const bool dense = is_dense(extent_of(layer, inputs));
      for (const char* const name : {"weights", "q", "k"}) {
        if ((std::string_view(name) == "weights") == dense) wanted.push_back(layer.attention->path + "." + name);
      }
    }
  }

  bool wants(std::string_view name) const override { return std::ranges::find(wanted, name) != wanted.end(); }
  Tensor receive(std::string_view name, const Tensor& x) override {
    received.emplace(name, x);
    return x;
  }

  std::vector<std::string> wanted;
  std::map<std::string, Tensor, std::less<>> received;
};

std::vector<float> as_floats(const Tensor& x) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(x.size()));
  with_dtype(x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < x.size(); ++i) values.push_back(static_cast<float>(x.data<T>()[i]));
  });
  return values;
}

// A bit for each pair of query and key, each row begun on a byte; null: none is hidden.
Json visible_json(const AttentionLayer& layer, const Extent& extent) {
  if (layer.mask.allows_all()) return nullptr;
  const int64_t row_bytes = (extent.keys + 7) / 8;
  std::vector<uint8_t> bits(static_cast<size_t>(extent.queries * row_bytes));
  bool hides = false;
  for (int64_t query = 0; query < extent.queries; ++query) {
    for (int64_t key = 0; key < extent.keys; ++key) {
      if (layer.mask.may_attend(0, 0, query, key)) {
        bits[static_cast<size_t>(query * row_bytes + key / 8)] |= static_cast<uint8_t>(1 << key % 8);
      } else {
        hides = true;
      }
    }
  }
  return hides ? packed_array(bits, {extent.queries, row_bytes}) : Json(nullptr);
}

// Weights of attention without a softmax may be anything: their range is told with them.
Json dense_json(const AttentionLayer& layer, const Extent& extent, const std::vector<float>& weights) {
  double low = 0, high = 1;
  for (const float weight : weights) {
    if (!std::isfinite(weight)) continue;
    low = std::min(low, static_cast<double>(weight));
    if (layer.attention->options.kind != AttentionKind::softmax) high = std::max(high, static_cast<double>(weight));
  }
  std::vector<uint16_t> values;
  for (const float weight : weights) {
    const double share = (static_cast<double>(weight) - low) / (high - low);
    values.push_back(share > 0 ? static_cast<uint16_t>(std::lround(std::min(share, 1.0) * 65535)) : 0);  // NaN too
  }
  Json result = {{"kind", "dense"}};
  if (low != 0 || high != 1) result["range"] = {low, high};
  result["visible"] = visible_json(layer, extent);
  result["values"] = packed_array(values, {layer.attention->options.num_heads, extent.queries, extent.keys});
  return result;
}

Json factors_json(const AttentionLayer& layer, const Tensor& q, const Tensor& k, const SeeWeights& see) {
  const AttentionFactors factors = attention_factors(layer, q, k, see);
  const int64_t* const lengths = layer.mask.lengths();
  return {{"kind", "factors"},
          {"query", packed_array(factors.query, {factors.heads, factors.queries, factors.head_size})},
          {"key", packed_array(factors.key, {factors.kv_heads, factors.keys, factors.head_size})},
          {"scale", factors.scale},
          {"causal", layer.mask.is_causal()},
          {"window", layer.mask.window()},
          {"lengths", lengths == nullptr ? factors.keys : lengths[0]},
          {"bias_slopes", factors.bias_slopes.empty() ? Json(nullptr) : Json(factors.bias_slopes)},
          {"normalizer", packed_array(factors.normalizer, {factors.heads, factors.queries})}};
}

Json label_json(const HeadScores& scores) {
  const HeadLabel label = scores.label();
  Json all = Json::object();
  const auto rounded = [](double x) { return std::round(x * 1e4) / 1e4; };
  for (const auto& [name, score] : label.scores) all[name] = rounded(score);
  return {{"label", label.label}, {"score", rounded(label.score)}, {"scores", all}};
}

std::vector<int32_t> ids_read(const AttentionLayer& layer, const ModelInputs& inputs) {
  std::vector<int32_t> ids = layer.queries_source ? inputs.source.ids() : inputs.ids.ids();
  if (!ids.empty()) ids.insert(ids.begin(), static_cast<size_t>(layer.in_front), -1);
  return ids;
}

}  // namespace

struct AttentionMaps::Map {
  std::string name, queries, keys;
  int64_t heads = 0, kv_heads = 0;
  Json labels = Json::array(), weights = Json::array();  // by checkpoint
};

AttentionMaps::AttentionMaps() = default;
AttentionMaps::~AttentionMaps() = default;

AttentionExtent attention_extent(const Model& model, const std::vector<ShownExample>& examples, size_t checkpoints,
                                 double most_bytes) {
  AttentionExtent result;
  if (examples.empty()) return result;
  result.all_layers = result.layers = attention_layers(model, examples.front().batch.model_inputs()).size();
  if (result.layers == 0) return result;
  double bytes = 0;
  while ((bytes = bytes_of(model, examples.front(), result.layers)) > most_bytes && result.layers > 1) --result.layers;
  if (bytes > 2 * most_bytes) return result;
  for (result.examples = 1; result.examples < examples.size(); ++result.examples) {
    const double more = bytes_of(model, examples[result.examples], result.layers);
    // A few checkpoints of several examples are worth more than all of one.
    if ((bytes + more) * static_cast<double>(std::min<size_t>(checkpoints, 4)) > most_bytes) break;
    bytes += more;
  }
  result.checkpoints = std::clamp<size_t>(static_cast<size_t>(most_bytes / bytes), 1, std::max<size_t>(checkpoints, 1));
  return result;
}

void AttentionMaps::add(int64_t step, const Model& model, const std::vector<ShownExample>& examples, size_t count) {
  const NoRecording off;
  std::vector<std::vector<HeadScores>> scores;
  std::vector<Json> weights;
  for (const ShownExample& example : examples) {
    const ModelInputs inputs = example.batch.model_inputs();
    const std::vector<AttentionLayer> layers = some_layers(model, inputs, count);
    if (maps_.empty()) {
      for (const AttentionLayer& layer : layers) {
        const MultiheadAttentionOptions& options = layer.attention->options;
        maps_.push_back({.name = layer.attention->path,
                         .queries = layer.queries_source ? "source" : "tokens",
                         .keys = layer.keys_source ? "source" : "tokens",
                         .heads = options.num_heads,
                         .kv_heads = options.num_kv_heads});
      }
    }
    scores.resize(layers.size());
    weights.resize(layers.size(), Json::array());
    AttentionTap tap(layers, inputs);
    model(inputs, Pass::evaluation().with_tap(tap));
    for (size_t i = 0; i < layers.size(); ++i) {
      const AttentionLayer& layer = layers[i];
      const Extent extent = extent_of(layer, inputs);
      const std::string& path = layer.attention->path;
      const bool is_softmax = layer.attention->options.kind == AttentionKind::softmax;
      scores[i].resize(static_cast<size_t>(layer.attention->options.num_heads));
      const std::vector<int32_t> ids = ids_read(layer, inputs);
      const auto score = [&](int64_t head, const float* values) {
        scores[i][static_cast<size_t>(head)].add(values, extent.queries, extent.keys, layer.mask, head, ids,
                                                 layer.is_cross());
      };
      if (is_dense(extent)) {
        const std::vector<float> values = as_floats(tap.received.at(path + ".weights"));
        weights[i].push_back(dense_json(layer, extent, values));
        for (int64_t head = 0; is_softmax && head < layer.attention->options.num_heads; ++head) {
          score(head, values.data() + head * extent.queries * extent.keys);
        }
      } else if (is_softmax) {
        weights[i].push_back(
            factors_json(layer, tap.received.at(path + ".q"), tap.received.at(path + ".k"),
                         [&](int64_t head, const std::vector<float>& values) { score(head, values.data()); }));
      } else {
        weights[i].push_back(nullptr);
        const std::string sentence =
            fmt::format("{}: weights without a softmax are kept of at most {} tokens", path, longest_dense);
        if (std::ranges::find(missing_, sentence) == missing_.end()) missing_.push_back(sentence);
      }
    }
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    maps_[i].weights.push_back(std::move(weights[i]));
    Json labels = Json::array();
    for (const HeadScores& head : scores[i]) labels.push_back(label_json(head));
    maps_[i].labels.push_back(std::move(labels));
  }
  steps_.push_back(step);
  examples_ = examples.size();
}

Json AttentionMaps::json() const {
  if (maps_.empty()) return nullptr;
  Json examples = Json::array(), maps = Json::array();
  for (size_t i = 0; i < examples_; ++i) examples.push_back(i);
  for (const Map& map : maps_) {
    maps.push_back({{"name", map.name},
                    {"queries", map.queries},
                    {"keys", map.keys},
                    {"heads", map.heads},
                    {"kv_heads", map.kv_heads},
                    {"heads_labels", map.labels},
                    {"weights", map.weights}});
  }
  return {{"checkpoints", steps_}, {"examples", examples}, {"maps", maps}};
}

}  // namespace transformlet
