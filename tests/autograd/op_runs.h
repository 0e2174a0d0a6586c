// Running the samples of the catalogue, and comparing what comes out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "autograd/catalogue.h"
#include "autograd/graph.h"
#include "base/random.h"

namespace transformlet {

inline void PrintTo(const OpSample& sample, std::ostream* out) { *out << sample.full_name(); }

inline TensorList cotangents_for(const TensorList& ys) {
  TensorList seeds;
  for (size_t i = 0; i < ys.size(); ++i) {
    RandomStream stream(RandomKey(11) / static_cast<int64_t>(i));
    std::vector<double> values(static_cast<size_t>(ys[i].size()));
    for (double& value : values) value = stream.normal();
    seeds.push_back(tensor(values, ys[i].shape(), ys[i].dtype()));
  }
  return seeds;
}

struct Results {
  TensorList outputs, gradients;
};

inline Results run(const OpSample& sample, DType dtype, bool differentiable = false) {
  const TensorList inputs = random_inputs(sample, dtype);
  const HigherOrder guard;
  const TensorList ys = sample.call(inputs);
  return {ys, grad(ys, inputs, {.seeds = cotangents_for(ys), .differentiable = differentiable})};
}

// The largest difference over the largest value expected (or 1, if all are small).
inline double distance(const TensorList& expected, const TensorList& actual) {
  double difference = 0, size = 1;
  EXPECT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(expected[i].shape(), actual[i].shape());
    const std::vector<double> a = expected[i].to_vector(), b = actual[i].to_vector();
    for (size_t j = 0; j < a.size(); ++j) {
      difference = std::max(difference, std::isnan(b[j]) ? INFINITY : std::abs(a[j] - b[j]));
      size = std::max(size, std::abs(a[j]));
    }
  }
  return difference / size;
}

}  // namespace transformlet
