#include "autograd/catalogue.h"

#include <cmath>

#include "base/random.h"

namespace transformlet {
namespace {

std::vector<OpSample>& catalogue() {
  static std::vector<OpSample> samples;
  return samples;
}

std::vector<OpSample> select(bool errors) {
  std::vector<OpSample> selected;
  for (const OpSample& sample : catalogue()) {
    if (sample.error.empty() != errors) selected.push_back(sample);
  }
  return selected;
}

double draw(RandomStream& stream, Values values) {
  if (values == Values::positive) return 0.5 + 1.5 * stream.uniform();
  const double value = stream.normal();
  return values == Values::away_from_zero ? value + std::copysign(0.1, value) : value;
}

}  // namespace

OpSamples::OpSamples(const std::string& op, std::vector<OpSample> samples) {
  for (OpSample& sample : samples) {
    sample.op = op;
    catalogue().push_back(std::move(sample));
  }
}

std::vector<OpSample> valid_samples() { return select(false); }
std::vector<OpSample> error_samples() { return select(true); }

TensorList random_inputs(const OpSample& sample, DType dtype, uint64_t seed) {
  TensorList inputs;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    RandomStream stream(RandomKey(seed) / "sample" / sample.full_name() / static_cast<int64_t>(i));
    std::vector<double> values(static_cast<size_t>(sample.inputs[i].size()));
    for (double& value : values) value = draw(stream, sample.values);
    inputs.push_back(leaf(tensor(values, sample.inputs[i], dtype), fmt::format("input {}", i)));
  }
  return inputs;
}

}  // namespace transformlet
