#include "layers/initializers.h"

#include <cmath>

namespace transformlet {

Initializer Initializer::in_parts(int64_t parts) const {
  Initializer result = *this;
  result.parts_ = parts;
  return result;
}

double Initializer::spread(const Shape& shape) const {
  double variance = gain_ * gain_;
  if (fan_ == Fan::none) return gain_;
  require(shape.rank() >= 2, "an initialiser that looks at fans needs a matrix, not {}", shape);
  require(shape[0] % parts_ == 0, "a packed weight {} does not divide into {} parts", shape, parts_);
  const double further = static_cast<double>(shape.size()) / static_cast<double>(shape[0] * shape[1]);
  const double fan_in = static_cast<double>(shape[1]) * further;
  const double fan_out = static_cast<double>(shape[0] / parts_) * further;
  variance *= fan_ == Fan::in ? 1.0 / fan_in : 2.0 / (fan_in + fan_out);
  // A uniform distribution on [-b, b] has the variance b^2 / 3.
  return std::sqrt(distribution_ == Distribution::uniform ? 3.0 * variance : variance);
}

double Initializer::draw(double spread, RandomStream& stream) const {
  switch (distribution_) {
    case Distribution::constant:
      return spread;
    case Distribution::uniform:
      return spread * (2.0 * stream.uniform() - 1.0);
    case Distribution::normal:
      return spread * stream.normal();
  }
  return 0;
}

}  // namespace transformlet
