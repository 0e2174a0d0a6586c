// The probe, on examples that training does not see: `error`, the expected calibration error, `confidence`, its mean,
// and `accuracy` (study/calibration.h). Cost: a forward pass.
#include "study/calibration.h"

#include <algorithm>
#include <cmath>

#include "study/probe.h"

namespace transformlet {

void Calibration::add(const Tensor& logits, const Tokens& targets) {
  const int64_t classes = logits.columns();
  with_dtype(logits.dtype(), [&]<class T>() {
    for (int64_t row = 0; row < targets.size(); ++row) {
      if (targets[row] == CrossEntropyOptions().ignored) continue;
      const T* const first = logits.data<T>() + row * classes;
      const T* const largest = std::max_element(first, first + classes);
      double sum = 0;
      for (int64_t i = 0; i < classes; ++i)
        sum += std::exp(static_cast<double>(first[i]) - static_cast<double>(*largest));
      const double confidence = 1 / sum;
      const auto size = static_cast<double>(bins.size());
      const double place = std::clamp(std::ceil(confidence * size) - 1, 0.0, size - 1);
      Bin& bin = bins[static_cast<size_t>(place)];
      ++bin.count;
      bin.correct += largest - first == targets[row];
      bin.confidence_sum += confidence;
    }
  });
}

Calibration::Bin Calibration::total() const {
  Bin result;
  for (const Bin& bin : bins) {
    result.count += bin.count;
    result.correct += bin.correct;
    result.confidence_sum += bin.confidence_sum;
  }
  return result;
}

double Calibration::expected_error() const {
  double sum = 0;
  for (const Bin& bin : bins) sum += std::abs(static_cast<double>(bin.correct) - bin.confidence_sum);
  return sum / static_cast<double>(total().count);
}

namespace {

struct CalibrationProbe : Probe {
  static constexpr const char* name = "calibration";
  static constexpr const char* help = "is the model as often right as it says? expected calibration error";

  std::string misfit(const Model& /*model*/, const ModelSizes& sizes) const override {
    return sizes.features == 0 ? "" : "measures probabilities, and this task's outputs are none";
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    if (counted_targets(view.targets) == 0) return {};
    Calibration calibration;
    calibration.add(view.model(view.examples, Pass::evaluation()), view.targets);
    const Calibration::Bin total = calibration.total();
    return {
        {"error", calibration.expected_error()}, {"confidence", total.confidence()}, {"accuracy", total.accuracy()}};
  }
};

const Registered<Probe, CalibrationProbe> registered;

}  // namespace
}  // namespace transformlet
