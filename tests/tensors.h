// What tests of tensors share: random tensors, distances, bits, the text of an error.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "autograd/graph.h"
#include "autograd/tensor.h"
#include "base/random.h"

namespace transformlet {

// Normal values, a function of the name: the same numbers in both dtypes, up to rounding.
inline Tensor random_tensor(const std::string& name, const Shape& shape, DType dtype = DType::float64) {
  RandomStream stream(RandomKey(7) / "test" / name);
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (double& value : values) value = stream.normal();
  return tensor(values, shape, dtype);
}

inline Tensor random_leaf(const std::string& name, const Shape& shape, DType dtype = DType::float64) {
  return leaf(random_tensor(name, shape, dtype), name);
}

inline TensorList random_cotangents_of(const TensorList& ys) {
  TensorList seeds;
  for (size_t i = 0; i < ys.size(); ++i) {
    seeds.push_back(random_tensor("cotangent " + std::to_string(i), ys[i].shape(), ys[i].dtype()));
  }
  return seeds;
}

inline double inner_product(const TensorList& a, const TensorList& b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = a[i].to_vector(), y = b[i].to_vector();
    for (size_t j = 0; j < x.size(); ++j) total += x[j] * y[j];
  }
  return total;
}

// The 2-norm of the difference, over that of what is expected. NaN or other shapes: infinity.
inline double relative_distance(const TensorList& expected, const TensorList& actual) {
  double difference = 0, size = 0;
  if (expected.size() != actual.size()) return INFINITY;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].shape() != actual[i].shape()) return INFINITY;
    const std::vector<double> x = expected[i].to_vector(), y = actual[i].to_vector();
    for (size_t j = 0; j < x.size(); ++j) {
      difference += (x[j] - y[j]) * (x[j] - y[j]);
      size += x[j] * x[j];
    }
  }
  const double result = size > 0 ? std::sqrt(difference / size) : std::sqrt(difference);
  return std::isnan(result) ? INFINITY : result;
}

inline double relative_distance(const Tensor& expected, const Tensor& actual) {
  return relative_distance(TensorList{expected}, TensorList{actual});
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double result = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i] - y[i])) return INFINITY;
    result = std::max(result, std::abs(x[i] - y[i]));
  }
  return result;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.size() == 0 || std::memcmp(a.body().buffer->data, b.body().buffer->data,
                                       static_cast<size_t>(a.size()) * size_of(a.dtype())) == 0);
}

inline bool same_bits(const TensorList& a, const TensorList& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return same_bits(x, y); });
}

// What the function throws, or "no error".
template <class Function>
std::string error_text(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace transformlet
