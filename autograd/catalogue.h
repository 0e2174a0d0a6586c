// The catalogue of ops: samples that the tests, the gradient checker and the benchmarks all draw from. An op's samples
// stand beside the op; an op without a sample fails the tests.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

// Which values the inputs of a sample take.
enum class Values {
  normal,          // mean 0, variance 1
  positive,        // between 0.5 and 2: for log, sqrt, division
  away_from_zero,  // normal, but no closer to 0 than 0.1: for kinks at 0
};

struct OpSample {
  // Calls the op; functions that return one Tensor will do.
  struct Call : std::function<TensorList(const TensorList&)> {
    template <class Function>
    Call(Function function)
        : std::function<TensorList(const TensorList&)>([function](const TensorList& inputs) {
            if constexpr (std::is_same_v<decltype(function(inputs)), Tensor>) {
              return TensorList{function(inputs)};
            } else {
              return function(inputs);
            }
          }) {}
  };

  std::string name;
  std::vector<Shape> inputs;
  Call call;
  Values values = Values::normal;
  std::string error = {};  // the exact text, for a sample of bad input
  std::string op = {};     // filled in by OpSamples

  std::string full_name() const { return op + "_" + name; }
};

// Registers the samples of an op: `static const OpSamples samples("op", {...});` in the op's file.
struct OpSamples {
  OpSamples(const std::string& op, std::vector<OpSample> samples);
};

std::vector<OpSample> valid_samples();
std::vector<OpSample> error_samples();

// Inputs for a sample, as leaves named by their position: a function of the sample's name and the seed.
TensorList random_inputs(const OpSample& sample, DType dtype, uint64_t seed = 0);

}  // namespace transformlet
