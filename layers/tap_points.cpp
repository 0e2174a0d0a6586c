#include "layers/tap_points.h"

#include <algorithm>

namespace transformlet {
namespace {

struct ShapeCollector : Tap {
  std::vector<TapPoint> points;

  bool wants(std::string_view) const override { return true; }
  Tensor receive(std::string_view name, const Tensor& x) override {
    points.push_back({std::string(name), x.shape()});
    return x;
  }
};

Tokens first_ids(int64_t length) { return {std::vector<int32_t>(static_cast<size_t>(length)), {1, length}}; }

}  // namespace

std::vector<TapPoint> tap_points(const Model& model, const ModelSizes& sizes) {
  const NoRecording off;
  ShapeCollector collector;
  ModelInputs inputs;
  if (sizes.features > 0) {
    inputs.values = zeros({1, sizes.max_length, sizes.features}, DType::float64);
  } else {
    inputs.ids = first_ids(sizes.max_length);
  }
  if (sizes.source_vocab_size > 0) inputs.source = first_ids(sizes.source_max_length);
  model(inputs, Pass::evaluation().with_tap(collector));
  return collector.points;
}

}  // namespace transformlet
