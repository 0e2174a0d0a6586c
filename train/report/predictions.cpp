#include "train/report/predictions.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "study/logit_parts.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t most_places = 64;
constexpr size_t most_top = 8, most_top_of_layer = 3;

// The residual stream where the lens looks.
struct Streams : Tap {
  bool wants(std::string_view name) const override {
    return name == "decoder.blocks.0.input" || (name.starts_with("decoder.blocks.") && name.ends_with(".output"));
  }
  Tensor receive(std::string_view name, const Tensor& x) override {
    names.push_back(name.ends_with(".input") ? "embedding" : std::string(name.substr(8, name.rfind('.') - 8)));
    streams.push_back(x);
    return x;
  }

  std::vector<std::string> names;
  TensorList streams;
};

double rounded(double x) { return std::round(x * 1e5) / 1e5; }

// The likeliest tokens of a row of logits, and the target's probability.
Json row_json(const Task& task, const Tensor& logits, int64_t row, int32_t target, size_t count) {
  const int64_t classes = logits.columns();
  std::vector<double> values(static_cast<size_t>(classes));
  with_dtype(logits.dtype(),
             [&]<class T>() { std::copy_n(logits.data<T>() + row * classes, classes, values.begin()); });
  const double largest = *std::ranges::max_element(values);
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(count), order.end(), [&](int32_t a, int32_t b) {
    const double x = values[static_cast<size_t>(a)], y = values[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  Json top = Json::array();
  for (size_t i = 0; i < count; ++i) {
    top.push_back({{"token", task.token_text(TokenKind::target, order[i])},
                   {"probability", rounded(values[static_cast<size_t>(order[i])] / sum)}});
  }
  return {{"top", top}, {"target_probability", rounded(values[static_cast<size_t>(target)] / sum)}};
}

}  // namespace

Json predictions_json(const Task& task, const Model& model, const std::vector<ShownExample>& examples) {
  const NoRecording off;
  const auto* const decoder = dynamic_cast<const Decoder*>(&model.inside());
  Json result = Json::array();
  for (size_t example = 0; example < examples.size(); ++example) {
    const Batch& batch = examples[example].batch;
    if (batch.targets.size() == 0) return nullptr;
    Streams tap;
    const Tensor logits = model(batch.model_inputs(), Pass::evaluation().with_tap(tap));
    TensorList lens;
    if (decoder != nullptr) {
      for (const Tensor& x : tap.streams) lens.push_back(logits_of_stream(*decoder, x));
    }
    Json places = Json::array();
    bool cut = false;
    for (int64_t row = 0; row < batch.targets.size(); ++row) {
      const int32_t target = batch.targets[row];
      if (target == CrossEntropyOptions().ignored) continue;
      cut = static_cast<int64_t>(places.size()) == most_places;
      if (cut) break;
      Json place = {{"place", batch.targets.shape().rank() == 1 ? -1 : row},
                    {"target", task.token_text(TokenKind::target, target)}};
      place.update(row_json(task, logits, row, target, most_top));
      if (!lens.empty()) {
        Json layers = Json::array();
        for (size_t i = 0; i < lens.size(); ++i) {
          Json layer = {{"name", tap.names[i]}};
          layer.update(row_json(task, lens[i], row, target, most_top_of_layer));
          layers.push_back(std::move(layer));
        }
        place["layers"] = std::move(layers);
      }
      places.push_back(std::move(place));
    }
    Json shown = {{"example", example}, {"right", examples[example].right}, {"places", std::move(places)}};
    if (cut) shown["cut"] = true;
    result.push_back(std::move(shown));
  }
  return result.empty() ? Json(nullptr) : result;
}

}  // namespace transformlet
