#include "study/landscape.h"

#include <algorithm>
#include <cmath>

#include "study/kept_weights.h"

namespace transformlet {
namespace {

double number(const Tensor& x, int64_t k) {
  double result = 0;
  with_dtype(x.dtype(), [&]<class T>() { result = static_cast<double>(x.data<T>()[k]); });
  return result;
}

}  // namespace

std::vector<LandscapePoint> loss_on_line(const Parameters& parameters, const TensorList& w0, const TensorList& w1,
                                         int64_t points, const std::function<double()>& loss) {
  KeptWeights kept(parameters);
  std::vector<LandscapePoint> result;
  for (int64_t i = 0; i < points; ++i) {
    const double a = static_cast<double>(i) / static_cast<double>(points - 1);
    // std::lerp is exact at both ends, and everywhere if they are equal.
    kept.set([&](double, size_t t, int64_t k) { return std::lerp(number(w0[t], k), number(w1[t], k), a); });
    result.push_back({.x = a, .loss = loss()});
  }
  return result;
}

LandscapePoint barrier(const std::vector<LandscapePoint>& line) {
  const double first = line.front().loss, last = line.back().loss;
  LandscapePoint result = {.x = 0, .loss = 0};
  for (const LandscapePoint& point : line) {
    const double height = point.loss - std::lerp(first, last, point.x);
    if (std::isnan(height)) return {.x = point.x, .loss = INFINITY};
    if (height > result.loss) result = {.x = point.x, .loss = height};
  }
  return result;
}

std::vector<LandscapePoint> loss_on_plane(const Parameters& parameters, const TensorList& d, const TensorList& e,
                                          double radius, int64_t points, const std::function<double()>& loss) {
  KeptWeights kept(parameters);
  const auto coordinate = [&](int64_t i) {
    return radius * (2 * static_cast<double>(i) / static_cast<double>(points - 1) - 1);
  };
  std::vector<LandscapePoint> result;
  for (int64_t row = 0; row < points; ++row) {
    for (int64_t column = 0; column < points; ++column) {
      const double x = coordinate(column), y = coordinate(row);
      kept.set([&](double own, size_t t, int64_t k) { return own + x * number(d[t], k) + y * number(e[t], k); });
      result.push_back({x, y, loss()});
    }
  }
  return result;
}

TensorList filter_normalised_direction(const Parameters& parameters, RandomKey key) {
  TensorList result;
  for (const Parameter& parameter : parameters.list()) {
    const Tensor& w = parameter.value;
    std::vector<double> direction(static_cast<size_t>(w.size()), 0.0);
    RandomStream stream(key / w.name());
    for (int64_t row = 0; w.rank() >= 2 && row < w.rows(); ++row) {
      double of_weights = 0, of_direction = 0;
      const int64_t begin = row * w.columns();
      for (int64_t k = begin; k < begin + w.columns(); ++k) {
        double& drawn = direction[static_cast<size_t>(k)] = stream.normal();
        of_weights += number(w, k) * number(w, k);
        of_direction += drawn * drawn;
      }
      const double scale = std::sqrt(of_weights / of_direction);
      for (int64_t k = begin; k < begin + w.columns(); ++k) direction[static_cast<size_t>(k)] *= scale;
    }
    result.push_back(tensor(direction, w.shape(), DType::float64));
  }
  return result;
}

}  // namespace transformlet
